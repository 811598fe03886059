"""Units stated by files and declared in the config, and the factor that turns them into the standard unit."""

import re
import warnings
from dataclasses import dataclass

from astropy import units
from astropy.units import UnitBase

from discatlas.contracts import Column
from discatlas.errors import DiscatlasError

FORMATS = (None, "fits", "cds")  # not vounit: there every unknown word is a unit
LOGARITHM = re.compile(r"(?:log10|log|dex)\s*\((.*)\)|\[(.*)\]", re.IGNORECASE)
# what the standard logarithmic columns are the logarithm of
ARGUMENTS = {"log_age_dex": "yr", "log_age_error_dex": "yr", "logg_dex": "cm / s2", "logg_error_dex": "cm / s2"}


@dataclass(frozen=True)
class ParsedUnit:
    """A unit; for a logarithm `unit` is dex and `argument` the unit of what the logarithm is taken of, if known."""

    unit: UnitBase
    argument: UnitBase | None = None

    def agrees(self, other: "ParsedUnit") -> bool:
        """Tell whether two statements of a unit mean the same (dex and no unit do)."""
        if _is_plain(self.unit) and _is_plain(other.unit):
            return self.argument is None or other.argument is None or self.argument == other.argument
        return self.unit == other.unit


def parse_unit(text: str) -> ParsedUnit | None:
    """Parse a unit as found in catalogue files (FITS, CDS, archive dialects); None if it is not understood.

    ``"[yr]"``, ``"log(yr)"`` and ``"dex(yr)"`` are logarithms; counts are taken as pure numbers.
    """
    text = text.strip().strip("'\"")
    if match := LOGARITHM.fullmatch(text):
        argument = parse_unit(match[1] or match[2] or "")
        return ParsedUnit(units.dex, argument.unit if argument and not _is_plain(argument.unit) else None)
    if text.lower() in {"dex", "log"}:
        return ParsedUnit(units.dex)
    for dialect in FORMATS:
        with warnings.catch_warnings(action="ignore"):
            unit = units.Unit(text, format=dialect, parse_strict="silent")
        if isinstance(unit, units.function.FunctionUnitBase):
            return ParsedUnit(unit.function_unit)
        if isinstance(unit, UnitBase) and not isinstance(unit, units.UnrecognizedUnit):
            return ParsedUnit(units.dimensionless_unscaled if unit == units.ct else unit)
    return None


def _is_plain(unit: UnitBase) -> bool:
    return unit in (units.dex, units.dimensionless_unscaled)


def conversion_factor(column: Column, stated: str | None, declared: str | None, where: str) -> float:
    """Return the factor from a source column's unit to the unit of the standard column.

    Parameters
    ----------
    column : Column
        The standard column; text and truth values have no unit and give 1.
    stated : str or None
        The unit that the file states.
    declared : str or None
        The unit that the config declares; where both are given they must agree.
    where : str
        File and source column, for the message.

    Raises
    ------
    DiscatlasError
        If the two units disagree, one is not understood, or the unit cannot be converted to the standard one.
    """
    if column.dtype in {"string", "bool"}:
        return 1.0
    in_file = parse_unit(stated) if stated and stated.strip() else None
    in_config = parse_unit(declared) if declared is not None else None
    if declared is not None and in_config is None:
        raise DiscatlasError(
            f"{where}: declared unit {declared!r} is not understood; write it as astropy does, e.g. {column.unit!r}"
        )
    if in_file and in_config and not in_file.agrees(in_config):
        raise DiscatlasError(
            f"{where}: the file states the unit {stated!r}, but {declared!r} is declared for {column.name!r}; correct "
            "or remove the declared unit"
        )
    if in_file is None and in_config is None:
        if stated and stated.strip() and column.unit:
            raise DiscatlasError(
                f"{where}: the file's unit {stated!r} is not understood; declare it for {column.name!r}: unit: "
                f"{column.unit!r} or what it is"
            )
        return 1.0
    factor = _factor(in_file or in_config, column)
    if factor is None:
        origin = f"the file's unit {stated!r}" if in_file else f"the declared unit {declared!r}"
        raise DiscatlasError(
            f"{where}: {origin} cannot be converted to {_expected(column)}, the unit of {column.name!r}; map another "
            "column or declare the right unit"
        )
    return factor


def _expected(column: Column) -> str:
    argument = ARGUMENTS.get(column.name)
    return f"dex({argument})" if argument else repr(column.unit or "no unit")


def _factor(source: ParsedUnit, column: Column) -> float | None:
    standard = parse_unit(column.unit)
    if _is_plain(standard.unit) and _is_plain(source.unit):
        argument = ARGUMENTS.get(column.name)
        right = source.argument is None or argument is None or source.argument == units.Unit(argument)
        return 1.0 if right else None
    if units.dex in (standard.unit, source.unit):
        return None  # astropy would turn magnitudes into dex
    if source.unit == standard.unit:
        return 1.0
    try:
        return float(source.unit.to(standard.unit))
    except units.UnitConversionError:
        return None
