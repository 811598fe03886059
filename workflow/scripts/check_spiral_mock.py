"""Hold a spiral mock against the linear response, and the fit of what it looks like to a survey against its input (rule ``check_spiral_mock``)."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.checks import Check
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError, nearest
from discatlas.files import write_json
from discatlas.maps.stars import read_selected
from discatlas.runtime import script_log, use_threads
from discatlas.simulation.mock_recovery import observe_mock, recover
from discatlas.simulation.spiral_mock import SpiralMock
from discatlas.streams import stream_generator
from discatlas.tables import read_columns, read_provenance, write_table

log = logging.getLogger(__name__)
HARMONIC = ["R_kpc", "valid", "ratio", "phase_error_deg"]
RECOVERED = ("truth", "median", "lo", "hi", "best", "deviation", "tolerance")


def _harmonic_checks(
    annuli: Path, name: str, R_limits_kpc: list[float], ratio_tolerance: float, phase_tolerance_deg: float
) -> list[Check]:
    columns = read_columns(annuli, HARMONIC)
    low, high = R_limits_kpc
    used = (columns["R_kpc"] >= low) & (columns["R_kpc"] <= high) & columns["valid"].astype(bool)
    if not used.any():
        raise DiscatlasError(
            f"{annuli}: no annulus from {low:g} to {high:g} kpc is away from resonances and crowding; change R_limits_kpc of check {name!r}"
        )
    R, ratio, phase = (columns[key][used] for key in ("R_kpc", "ratio", "phase_error_deg"))
    worst, late = np.argmax(np.abs(ratio - 1)), np.argmax(np.abs(phase))
    source = f"farthest from the linear response in {used.sum()} annuli, at R = "
    return [
        Check(f"{name}: amplitude", ratio[worst], 1.0, ratio_tolerance, "", f"{source}{R[worst]:g} kpc"),
        Check(f"{name}: phase", phase[late], 0.0, phase_tolerance_deg, "deg", f"{source}{R[late]:g} kpc"),
    ]


def _recover(
    particles: Path, stars: Path, mock: SpiralMock, recovery: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, dict[str, Any]]:
    """Return truth, posterior and tolerance of each parameter."""
    smoothed, response = recovery["smoothed"], recovery["response"]
    places, _ = read_selected(stars, ["X_kpc", "Y_kpc", "v_R_error_kms"], smoothed["selection"])
    if recovery["error_kms"] is not None:
        places["v_R_error_kms"] = np.full_like(places["X_kpc"], recovery["error_kms"])
    observed = observe_mock(places, read_columns(particles, ["X_kpc", "Y_kpc", "v_R_kms"]), rng)
    records, measures = recover(mock, observed, smoothed, response, rng)
    log.info(
        f"{observed.X_kpc.size:,} stars, {measures['n_cells']:,} cells: reduced chi-square {measures['chi_square_reduced']:.2f}, "
        f"explained variance {measures['explained_variance']:.3f}"
    )
    for key in recovery["tolerances"]:
        if key not in records:
            raise DiscatlasError(
                f"tolerances: {key!r} is not a free parameter of the fit{nearest(key, list(records))}; expected {', '.join(records)}"
            )
    for key, record in records.items():
        half = (record["hi"] - record["lo"]) / 2
        record["deviation"] = (record["median"] - record["truth"]) / half if half > 0 else np.nan
        record["tolerance"] = recovery["tolerances"].get(key, np.nan)
        log.info(f"{key}: {record['median']:.6g} [{record['lo']:.6g}, {record['hi']:.6g}], input {record['truth']:.6g}")
    return records


def run(
    *,
    annuli: Path,
    particles: Path,
    stars: Path | None,
    result: Path,
    recovered: Path,
    name: str,
    model: Mapping[str, Any],
    R_limits_kpc: list[float],
    ratio_tolerance: float,
    phase_tolerance_deg: float,
    recovery: Mapping[str, Any] | None,
    seed: int,
    threads: int,
) -> None:
    """Write the checks, and the table of the recovered parameters (contract ``spiral_mock_recovery``).

    Parameters
    ----------
    annuli, particles : Path
        Tables of rule simulate_spiral_mock.
    stars : Path or None
        Phase space whose places and errors the mock gets, where there is a `recovery`.
    model : mapping
        Config entry of the mock.
    R_limits_kpc : list of two float
        Middles of the annuli that are held against the linear response, of those where it can be trusted.
    ratio_tolerance, phase_tolerance_deg : float
        Largest difference of the ratio of the amplitudes from 1, and of the phases, that passes.
    recovery : mapping or None
        ``smoothed`` and ``response``, config entries of the smoothed map and of the fit; ``error_kms``, an error for all
        stars, or null for their own; ``tolerances``, largest difference from the input by parameter. The others are
        reported: at full amplitude the linear formula has known biases.

    Raises
    ------
    DiscatlasError
        If no annulus can be compared, for tables of another mock, and as the smoothing and the fit.
    """
    use_threads(threads)
    for path in (annuli, particles):
        if read_provenance(path).get("model") != dict(model):
            raise DiscatlasError(f"{path}: not made with the config entry of this mock; make it anew")
    checks = _harmonic_checks(annuli, name, R_limits_kpc, ratio_tolerance, phase_tolerance_deg)
    records: dict[str, dict[str, Any]] = {}
    if recovery is not None:
        mock = SpiralMock.from_config(model, name)
        rng = stream_generator(seed, "check_spiral_mock", name, "stars")
        records = _recover(particles, stars, mock, recovery, rng)
        source = "median of the fit to the mock at the stars' places; the input"
        for key in recovery["tolerances"]:
            record = records[key]
            checks.append(Check(f"{name}: {key}", record["median"], record["truth"], record["tolerance"], "", source))
    columns: dict[str, Any] = {"parameter": np.array(list(records), dtype=object)}
    columns |= {key: np.array([record[key] for record in records.values()], float) for key in RECOVERED}
    write_table(recovered, load_contract("spiral_mock_recovery"), columns, {"seed": seed, "recovery": recovery})
    write_json(result, [check.record() for check in checks])


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            annuli=Path(snakemake.input.annuli),
            particles=Path(snakemake.input.particles),
            stars=Path(snakemake.input.stars) if snakemake.input.get("stars") else None,
            result=Path(snakemake.output.result),
            recovered=Path(snakemake.output.recovered),
            name=snakemake.wildcards.check,
            model=snakemake.params.model,
            R_limits_kpc=snakemake.params.R_limits_kpc,
            ratio_tolerance=snakemake.params.ratio_tolerance,
            phase_tolerance_deg=snakemake.params.phase_tolerance_deg,
            recovery=snakemake.params.recovery,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
