"""Names and columns that entries of the config refer to."""

from collections.abc import Iterator, Mapping
from typing import Any

from discatlas.contracts import load_contract
from discatlas.cuts import compile_cut
from discatlas.errors import DiscatlasError, nearest


def known(where: str, name: str, options: Mapping[str, Any] | list[str], kind: str) -> Iterator[str]:
    """Complain of a name that is not declared."""
    if name not in options:
        yield f"{where}: {kind} {name!r} is not declared{nearest(name, options)}; declared: {', '.join(options)}"


def check_expression(where: str, expression: str | None, columns: list[str]) -> Iterator[str]:
    """Complain of a condition that cannot be compiled for these columns."""
    if expression is None:
        return
    try:
        compile_cut(expression, columns)
    except DiscatlasError as error:
        yield f"{where}: {error}"


def star_columns(sample: Mapping[str, Any], tables: list[str]) -> list[str]:
    """Return the columns of a sample's stars: its phase space, and the tables that an entry joins to it."""
    columns = phase_space_columns(sample)
    joined = [column.name for table in tables for column in load_contract(table).columns]
    return columns + [column for column in joined if column not in columns]


def phase_space_columns(sample: Mapping[str, Any]) -> list[str]:
    """Return the columns that the phase space of a sample will hold, from its declaration."""
    standard = [column.name for column in load_contract("phase_space").columns if not column.optional]
    return standard + [column for column in sample["keep_columns"] if column not in standard]
