"""Hold an azimuthal variation against what the galaxy was made with: no pattern, or a known one (rule ``check_azimuthal_variation``)."""

import json
from pathlib import Path

import numpy as np

from discatlas.checks import Check
from discatlas.contracts import error_column, join_unit, split_unit
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log
from discatlas.tables import check_columns, column_names, read_columns


def _read_summary(path: Path) -> dict:
    """Return the record of rule fit_azimuthal_variation."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return record if record["annuli"] else {}
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        raise DiscatlasError(f"{path}: not a record of rule fit_azimuthal_variation; run that rule again") from None


def _wave_checks(
    waves: Path, name: str, quantity: str, m: int, amplitude: float, phase_deg: float, tolerances: tuple[float, float]
) -> list[Check]:
    """Return the checks of amplitude and phase of one wavenumber in every annulus."""
    base, unit = split_unit(quantity)
    column = join_unit(f"{base}_amplitude", unit)
    wanted = ["annulus", "m", column, error_column(column), "phase_deg", "phase_error_deg"]
    check_columns(waves, wanted, column_names(waves))
    table = read_columns(waves, wanted)
    rows = np.flatnonzero(table["m"] == m)
    if not rows.size:
        raise DiscatlasError(
            f"{waves}: no wave of m = {m}; it has m up to {int(table['m'].max())}: raise max_wavenumber"
        )
    checks = []
    for row in rows:
        where = f"{name}: annulus {int(table['annulus'][row])}, m = {m}"
        found, error = table[column][row], table[error_column(column)][row]
        phase, phase_error = table["phase_deg"][row], table["phase_error_deg"][row]
        period = 360.0 / m
        phase = phase_deg + (phase - phase_deg + 0.5 * period) % period - 0.5 * period
        source = "wave of the simulated galaxy; standard error of the fit {:.2g}"
        checks.append(Check(f"{where}: amplitude", float(found), amplitude, tolerances[0], unit, source.format(error)))
        checks.append(
            Check(f"{where}: phase", float(phase), phase_deg, tolerances[1], "deg", source.format(phase_error))
        )
    return checks


def run(
    *,
    summary: Path,
    waves: Path,
    result: Path,
    name: str,
    expected: str,
    level: float,
    m: int | None,
    amplitude: float | None,
    phase_deg: float | None,
    amplitude_tolerance: float | None,
    phase_tolerance_deg: float | None,
) -> None:
    """Write the checks of an azimuthal variation.

    Parameters
    ----------
    summary, waves : Path
        Products of rule fit_azimuthal_variation.
    expected : str
        ``none``: no annulus may show a pattern: the least of the p-values of all annuli, of sectors and of waves, times
        their number, must be `level` or more. ``pattern``: every annulus must show one, with a p-value of sectors or of
        waves below `level`, and the wave of wavenumber `m` must have the given amplitude and phase.
    level : float
        Of the significance.
    m, amplitude, phase_deg, amplitude_tolerance, phase_tolerance_deg
        The wave that the galaxy was made with, amplitude cos(m (phi - phase)), the amplitude in the unit of the quantity,
        and the largest differences that pass. None for no such check.

    Raises
    ------
    DiscatlasError
        For an unknown expectation and files of another kind.
    """
    if expected not in ("none", "pattern"):
        raise DiscatlasError(f"check {name!r}: got expected {expected!r}; expected 'none' or 'pattern'")
    record = _read_summary(summary)
    p_values = [[annulus["p_value"], annulus["p_any_wave"]] for annulus in record["annuli"]]
    p = np.array([[np.nan if value is None else value for value in pair] for pair in p_values], float)
    if expected == "none":
        least = min(1.0, float(np.nanmin(p)) * p.size)
        source = f"least p-value of a pattern times their number, {p.size}, at least {level:g} in a galaxy without one"
        checks = [Check(f"{name}: p-value", least, 1.0, 1.0 - level, "", source)]
    else:
        worst = float(np.max(np.minimum(1.0, 2.0 * np.nanmin(p, axis=1))))
        source = f"largest over annuli of twice the lesser p-value, of sectors and of waves, at most {level:g}"
        checks = [Check(f"{name}: p-value", worst, 0.0, level, "", source)]
        if m is not None:
            checks += _wave_checks(
                waves, name, record["quantity"], m, amplitude, phase_deg, (amplitude_tolerance, phase_tolerance_deg)
            )
    write_json(result, [check.record() for check in checks])


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            summary=Path(snakemake.input.summary),
            waves=Path(snakemake.input.waves),
            result=Path(snakemake.output.result),
            name=snakemake.wildcards.check,
            expected=snakemake.params.expected,
            level=snakemake.params.level,
            m=snakemake.params.m,
            amplitude=snakemake.params.amplitude,
            phase_deg=snakemake.params.phase_deg,
            amplitude_tolerance=snakemake.params.amplitude_tolerance,
            phase_tolerance_deg=snakemake.params.phase_tolerance_deg,
        )
