"""Fit the bar's pattern speed to the profile of v_phi in a strip of v_R (rule ``fit_bar_strip``)."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from discatlas.bar_spirals import bar_strip
from discatlas.bar_spirals.bar_strip import Optimum, Scan, Strip
from discatlas.bar_spirals.velocity_histogram import read_grid
from discatlas.bar_spirals.velocity_plane import equilibrium_plane
from discatlas.constants import GYR_PER_KPC_KMS
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log, use_threads
from discatlas.streams import stream_generator
from discatlas.tables import read_columns, read_provenance, write_table

log = logging.getLogger(__name__)
CONFIG_KEYS = (
    "v_R_kms",
    "width_kms",
    "v_phi_limits_kms",
    "smoothing",
    "Omega_kms_kpc",
    "turns",
    "accuracy",
    "n_bootstraps",
    "reference_Omega_kms_kpc",
    "resonances",
)


class _Data(NamedTuple):
    """The strip's bins of v_R and v_phi [km/s], and its stars per bin of v_phi."""

    strip: Strip
    v_R_kms: np.ndarray
    v_phi_kms: np.ndarray
    n_stars: np.ndarray


def _read_data(counts: Path, settings: Mapping[str, Any]) -> _Data:
    """Return what the histogram has in the strip; a DiscatlasError where that is too little."""
    strip = Strip.from_config(settings)
    grid, stars = read_grid(read_columns(counts), str(counts))
    in_R, in_phi = strip.bins(grid)
    n_stars = stars[np.ix_(in_R, in_phi)].sum(axis=0)
    if n_stars.sum() < bar_strip.LEAST_STARS:
        raise DiscatlasError(
            f"{counts}: {n_stars.sum()} stars at v_R {strip.v_R_kms:g} +- {strip.width_kms / 2:g} km/s, expected {bar_strip.LEAST_STARS} or more; "
            "widen width_kms or the plane's radius_kpc, or drop the source"
        )
    return _Data(strip, grid.v_R_kms[in_R], grid.v_phi_kms[in_phi], n_stars)


def _unstirred_profile(model: BarredModel, R_kpc: float, data: _Data) -> np.ndarray:
    """Return the profile of the disc before the bar."""
    v_R, v_phi = (axis.ravel() for axis in np.meshgrid(data.v_R_kms, data.v_phi_kms, indexing="ij"))
    return equilibrium_plane(model, R_kpc, v_R, v_phi).reshape(data.v_R_kms.size, -1).sum(axis=0)


def _profile_columns(data: _Data, shares: np.ndarray, models: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the columns of the contract ``bar_strip_profile`` from smoothed shares of draws, and profiles of models."""
    low, high = np.percentile(shares, [16, 84], axis=0)
    columns = {
        "v_phi_kms": data.v_phi_kms,
        "n_stars": data.n_stars,
        "share": data.strip.shares(data.n_stars.astype(float)),
        "share_low": low,
        "share_high": high,
        "share_reference": np.full(low.size, np.nan),
    }
    return columns | {f"share_{name}": data.strip.shares(values) for name, values in models.items()}


def _models(
    model: BarredModel, best: Optimum, place: tuple, settings: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, list]]:
    """Return the profiles of the best bar and of that for reference, and the resonances of both."""
    speeds = {"best": best.Omega_kms_kpc}
    if settings["reference_Omega_kms_kpc"] is not None:
        speeds["reference"] = float(settings["reference_Omega_kms_kpc"])
    profiles, marks = {}, {}
    for name, speed in speeds.items():
        profiles[name] = bar_strip.strip_profile(bar_strip.bar_alone(model, speed, best.turns), *place)
        marks[name] = bar_strip.resonance_marks(model, place[0], settings["v_R_kms"], speed, settings["resonances"])
    return profiles, marks


def _scan_columns(scan: Scan, data: _Data) -> dict[str, np.ndarray]:
    """Return the columns of the contract ``bar_strip``."""
    Omega, turns = (axis.ravel() for axis in np.meshgrid(scan.Omega_kms_kpc, scan.turns, indexing="ij"))
    return {
        "Omega_kms_kpc": Omega,
        "turns": turns,
        "integration_Gyr": GYR_PER_KPC_KMS * turns * 2 * np.pi / Omega,
        "objective": bar_strip.objectives(scan, data.strip, data.n_stars).ravel(),
        "deviance": bar_strip.deviances(scan, data.n_stars).ravel(),
    }


def _interval(draws: np.ndarray) -> dict[str, float]:
    low, middle, high = np.percentile(draws, [16, 50, 84])
    return {"median": float(middle), "lo": float(low), "hi": float(high), "sd": float(draws.std(ddof=1))}


def _record(scanned: Mapping[str, np.ndarray], best: Optimum, draws: np.ndarray) -> dict[str, Any]:
    """Return the results in plain numbers: `best` between the models, and the best of the models that were `scanned`."""
    life = best.turns * 2 * np.pi / best.Omega_kms_kpc
    record: dict[str, Any] = {
        "Omega_kms_kpc": best.Omega_kms_kpc,
        "turns": best.turns,
        "integration_kpc_kms": life,
        "integration_Myr": 1e3 * GYR_PER_KPC_KMS * life,
        "is_at_edge": best.is_at_edge,
        "bootstrap": {"Omega_kms_kpc": _interval(draws[:, 0]), "turns": _interval(draws[:, 1])},
    }
    for name in ("objective", "deviance"):
        k = np.argmin(np.nan_to_num(scanned[name], nan=np.inf))
        record[f"least_{name}"] = {column: float(scanned[column][k]) for column in ("Omega_kms_kpc", "turns", name)}
    return record


def run(
    *,
    counts: Path,
    model: Path,
    potential: Path,
    scan: Path,
    profile: Path,
    summary: Path,
    source: str,
    strip: str,
    R_kpc: float,
    phi_deg: float,
    settings: Mapping[str, Any],
    seed: int,
    threads: int,
) -> None:
    """Write the scan over pattern speed and age of a bar alone (contracts ``bar_strip`` and ``bar_strip_profile``) and its best values.

    `counts` is a ``velocity_histogram`` at R_kpc, phi_deg; `model` the specification of a barred model, whose spirals are
    dropped, `potential` the table ``potential_plane``. `settings` is the config's entry: v_R_kms, width_kms,
    v_phi_limits_kms, smoothing (window, order), Omega_kms_kpc and turns (first, last, step), accuracy, n_bootstraps,
    reference_Omega_kms_kpc (or None) and resonances (pairs l, m). The random stream is (seed, ``fit_bar_strip``, source, strip).

    Raises
    ------
    DiscatlasError
        For a strip outside the histogram or with too few stars, bad settings, and a model without a bar.
    """
    use_threads(threads)
    data = _read_data(counts, settings)
    spec = json.loads(model.read_text(encoding="utf-8"))
    barred = BarredModel.from_spec(PlaneProfile.from_columns(read_columns(potential)), spec)
    place = (R_kpc, phi_deg, data.v_R_kms, data.v_phi_kms, settings["accuracy"])
    axes = (bar_strip.declared_axis(name, settings[name]) for name in ("Omega_kms_kpc", "turns"))
    found = bar_strip.scan_models(barred, *place[:2], place[2:4], *axes, place[4])
    fine = bar_strip.refine(found)
    fine_objective = bar_strip.objectives(fine, data.strip, data.n_stars)
    best = bar_strip.find_optimum(fine, fine_objective)
    rng = stream_generator(seed, "fit_bar_strip", source, strip)
    draws, shares = bar_strip.bootstrap(fine, data.strip, data.n_stars, settings["n_bootstraps"], rng)

    scanned = _scan_columns(found, data)
    record = {"settings": dict(settings), "R_kpc": R_kpc, "phi_deg": phi_deg, "n_stars": int(data.n_stars.sum())}
    record |= {"v_R_bins_kms": data.v_R_kms.tolist()} | _record(scanned, best, draws)
    lowest = float(fine_objective[best.row, best.column])
    record["curvature_error_kms_kpc"] = bar_strip.curvature_error(data.strip, lowest, best.bend, data.n_stars.size)
    models, record["resonances"] = _models(barred, best, place, settings)
    models["equilibrium"] = _unstirred_profile(barred, R_kpc, data)
    provenance = {"source": source, "model": spec, "settings": dict(settings), "counts": read_provenance(counts)}
    write_table(scan, load_contract("bar_strip"), scanned, provenance)
    write_table(profile, load_contract("bar_strip_profile"), _profile_columns(data, shares, models), provenance)
    write_json(summary, record)
    if best.is_at_edge:
        log.warning(f"{summary}: the best model is at the edge of the grid; widen Omega_kms_kpc or turns")
    spread = record["bootstrap"]["Omega_kms_kpc"]["sd"]
    log.info(
        f"{summary}: {record['n_stars']:,} stars, {best.Omega_kms_kpc:.2f} +- {spread:.2f} km/s/kpc, {best.turns:.2f} turns"
    )


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            counts=Path(snakemake.input.counts),
            model=Path(snakemake.input.model),
            potential=Path(snakemake.input.potential),
            scan=Path(snakemake.output.scan),
            profile=Path(snakemake.output.profile),
            summary=Path(snakemake.output.summary),
            source=snakemake.wildcards.source,
            strip=snakemake.wildcards.strip,
            R_kpc=snakemake.params.R_kpc,
            phi_deg=snakemake.params.phi_deg,
            settings={name: snakemake.params[name] for name in CONFIG_KEYS},
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
