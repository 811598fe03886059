"""The mapping of a catalogue's columns to the standard ones, as the config writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from astropy import units

from discatlas.contracts import TYPES, Column, Contract
from discatlas.errors import DiscatlasError, nearest

KEYS = ("column", "unit", "index", "description", "dtype")
EXTRA_KEYS = ("description", "unit", "dtype")


@dataclass(frozen=True)
class Entry:
    """One line of the mapping: standard column, source column, declared unit, component of a 2-D column."""

    target: Column
    source: str
    unit: str | None
    index: int | None


@dataclass(frozen=True)
class ColumnMapping:
    """The whole mapping: its entries in the order of the table written, and that table's contract."""

    entries: tuple[Entry, ...]
    contract: Contract

    @property
    def names(self) -> list[str]:
        """Columns of the table written; `source_id` is always the first."""
        return ["source_id"] + [entry.target.name for entry in self.entries if entry.target.name != "source_id"]


def parse_mapping(columns: Mapping[str, str | Mapping[str, Any]], contract: Contract) -> ColumnMapping:
    """Check a mapping and return its entries, standard columns in the contract's order and extra ones at the end.

    Each value is the name of the source column, or a mapping with `column` and, as needed, `unit` and `index`. A target
    that is no standard column must also give `description`, `unit` and `dtype`, and becomes an extra column.

    Raises
    ------
    DiscatlasError
        For an unknown target or key (with the nearest known one), a missing or malformed value, an empty mapping.
    """
    if not columns:
        raise DiscatlasError("columns: the mapping is empty; name at least one standard column and its source column")
    entries = {}
    for target, value in columns.items():
        spec = {"column": value} if isinstance(value, str) else dict(value)
        _check_spec(target, spec)
        column = contract.column(target) if target in contract.names else _extra(target, spec, contract)
        entries[target] = Entry(column, spec["column"], spec.get("unit"), spec.get("index"))
        contract = contract.extend([column])
    if "source_id" not in entries:
        # the row number stands in, and says so in the table
        number = replace(contract.column("source_id"), description="Row number in the catalogue file, from 0")
        contract = replace(contract, columns=(number, *contract.columns[1:]))
    ordered = tuple(entries[name] for name in contract.names if name in entries)
    return ColumnMapping(ordered, contract)


def _check_spec(target: str, spec: dict[str, Any]) -> None:
    for key in spec:
        if key not in KEYS:
            raise DiscatlasError(
                f"columns.{target}: unknown key {key!r}{nearest(key, KEYS)}; expected {', '.join(KEYS)}"
            )
    if not isinstance(spec.get("column"), str) or not spec["column"]:
        raise DiscatlasError(
            f"columns.{target}: 'column' is {spec.get('column')!r}, expected the name of the source column"
        )
    index = spec.get("index")
    if index is not None and (isinstance(index, bool) or not isinstance(index, int) or index < 0):
        raise DiscatlasError(f"columns.{target}: 'index' is {index!r}, expected the number of a component, from 0")


def _extra(target: str, spec: dict[str, Any], contract: Contract) -> Column:
    if missing := [key for key in EXTRA_KEYS if spec.get(key) is None]:
        raise DiscatlasError(
            f"columns.{target}: no standard column {target!r}{nearest(target, contract.names)}; correct it, "
            f"or make it an extra column by giving also {', '.join(missing)}"
        )
    if spec["dtype"] not in TYPES:
        raise DiscatlasError(
            f"columns.{target}: dtype {spec['dtype']!r}{nearest(spec['dtype'], TYPES)}, expected one of "
            f"{', '.join(TYPES)}"
        )
    try:
        units.Unit(spec["unit"])
    except ValueError:
        raise DiscatlasError(
            f"columns.{target}: unit {spec['unit']!r} is not understood; write it as astropy does, e.g. 'km / s'"
        ) from None
    return Column(target, spec["unit"], spec["dtype"], True, None, None, True, spec["description"])
