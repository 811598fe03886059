"""Column contracts: name, unit, dtype, nullability, range and meaning of each column of each table.

The contracts are YAML files under ``workflow/schemas/tables``. A column name may be a template: ``{q}_median_{u}``
stands for one column per quantity, with the quantity's name split into its base and its unit suffix.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pyarrow as pa
import yaml
from astropy import units

from discatlas.errors import DiscatlasError, nearest

SCHEMA_FOLDER = Path(__file__).parents[2] / "schemas" / "tables"
TYPES = {
    "float64": pa.float64(),
    "float32": pa.float32(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "string": pa.string(),
    "bool": pa.bool_(),
    "float32_list": pa.list_(pa.float32()),
}
# a suffix that ends in another one stands before it
SUFFIX_UNITS = {
    "dex_per_kpc2": "dex / kpc2",
    "dex_per_kpc": "dex / kpc",
    "km2_s2_kpc2": "km2 / (s2 kpc2)",
    "km2_s2_kpc": "km2 / (s2 kpc)",
    "km2_s2": "km2 / s2",
    "kms_kpc2": "km / (s kpc2)",
    "kms_kpc": "km / (s kpc)",
    "kpc_kms": "kpc km / s",
    "kpc": "kpc",
    "pc": "pc",
    "kms": "km / s",
    "deg": "deg",
    "dex": "dex",
    "Gyr": "Gyr",
    "yr": "yr",
    "mag": "mag",
    "mas": "mas",
    "msun": "solMass",
    "K": "K",
}


def split_unit(name: str) -> tuple[str, str]:
    """Split a column name into base and unit suffix: ``"v_R_kms"`` gives ``("v_R", "kms")``; no suffix gives ``""``."""
    for suffix in SUFFIX_UNITS:
        if name.endswith(f"_{suffix}"):
            return name.removesuffix(f"_{suffix}"), suffix
    return name, ""


def join_unit(base: str, suffix: str) -> str:
    """Return the column name of a base and a unit suffix, the inverse of `split_unit`."""
    return f"{base}_{suffix}" if suffix else base


def error_column(name: str) -> str:
    """Return the name of the measurement-error column of a column: ``v_R_kms`` gives ``v_R_error_kms``."""
    base, suffix = split_unit(name)
    return join_unit(f"{base}_error", suffix)


@dataclass(frozen=True)
class Column:
    """One column: its unit (astropy's spelling, empty if none), dtype, whether null is allowed, range and meaning."""

    name: str
    unit: str
    dtype: str
    nullable: bool
    minimum: float | None
    maximum: float | None
    optional: bool
    description: str

    def field(self) -> pa.Field:
        """Return the Arrow field, with unit and description in its metadata."""
        metadata = {"unit": self.unit, "description": self.description}
        return pa.field(self.name, TYPES[self.dtype], nullable=self.nullable, metadata=metadata)


@dataclass(frozen=True)
class Contract:
    """The contract of one table: its name, meaning and columns in order."""

    name: str
    description: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Names of all columns, in order."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column:
        """Return one column; a DiscatlasError names the nearest known one."""
        for column in self.columns:
            if column.name == name:
                return column
        raise DiscatlasError(f"table {self.name}: no column {name!r} in its contract{nearest(name, self.names)}")

    def select(self, given: Iterable[str]) -> list[str]:
        """Return the contract's columns among `given`, in order; a required one missing or an unknown one is an error."""
        given = list(given)
        for name in given:
            self.column(name)
        missing = [column.name for column in self.columns if not column.optional and column.name not in given]
        if missing:
            raise DiscatlasError(f"table {self.name}: required column {missing[0]!r} is missing")
        return [name for name in self.names if name in given]

    def schema(self, names: Sequence[str] | None = None) -> pa.Schema:
        """Return the Arrow schema of the named columns (default: all that are not optional)."""
        names = [column.name for column in self.columns if not column.optional] if names is None else names
        return pa.schema([self.column(name).field() for name in names])

    def extend(self, columns: Iterable[Column]) -> "Contract":
        """Return the contract with more columns at the end; those it has already are left as they are."""
        added = [column for column in columns if column.name not in self.names]
        return replace(self, columns=self.columns + tuple(added))

    def expand(self, **values: Sequence[str]) -> "Contract":
        """Fill the templates: ``expand(q=["v_R_kms"])`` turns ``{q}_median_{u}`` into ``v_R_median_kms``.

        The unit of a template column is that of the value where it says ``{u}``. Runs of templates that share a
        letter are written value by value, so that the columns of one quantity stand together.
        """
        columns: list[Column] = []
        pending: list[Column] = []
        for column in (*self.columns, None):
            key = None if column is None else _template_key(column)
            if pending and (column is None or key != _template_key(pending[0])):
                letter = _template_key(pending[0])
                columns += [_fill(template, str(letter), value) for value in values[letter] for template in pending]
                pending = []
            if column is not None:
                (columns if key is None else pending).append(column)
        return replace(self, columns=tuple(columns))


def _template_key(column: Column) -> str | None:
    return column.name[column.name.index("{") + 1] if "{" in column.name else None


def _fill(template: Column, letter: str, value: str) -> Column:
    base, suffix = split_unit(value)
    name = template.name.replace("{%s}" % letter, base).replace("_{u}", f"_{suffix}" if suffix else "")  # noqa: UP031
    unit = SUFFIX_UNITS.get(suffix, "") if template.unit == "{u}" else template.unit
    return replace(template, name=name, unit=unit, description=template.description.replace("{%s}" % letter, value))  # noqa: UP031


@cache
def load_contract(name: str) -> Contract:
    """Return the contract of a table by name (the stem of its file under ``workflow/schemas/tables``)."""
    known = sorted(path.stem for path in SCHEMA_FOLDER.glob("*.yaml"))
    if name not in known:
        raise DiscatlasError(f"no contract for table {name!r}{nearest(name, known)}")
    text = yaml.safe_load((SCHEMA_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    columns = tuple(_parse_column(name, column, spec) for column, spec in text["columns"].items())
    if "extends" in text:
        columns = load_contract(text["extends"]).columns + columns
    return Contract(name, text["description"], columns)


def _parse_column(table: str, name: str, spec: dict) -> Column:
    allowed = {"unit", "dtype", "nullable", "range", "optional", "description"}
    if unknown := set(spec) - allowed:
        raise DiscatlasError(
            f"contract {table}: column {name!r}: unknown key {min(unknown)!r}{nearest(min(unknown), allowed)}"
        )
    if spec["unit"] != "{u}":
        units.Unit(spec["unit"])
    low, high = spec.get("range", [None, None])
    return Column(
        name,
        spec["unit"],
        spec["dtype"],
        spec.get("nullable", True),
        low,
        high,
        spec.get("optional", False),
        spec["description"],
    )
