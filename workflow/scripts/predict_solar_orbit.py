"""Predict the Sun's orbit and the surface density along it, axisymmetric and barred (rule ``predict_solar_orbit``)."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.bar_spirals.posterior_models import posterior_columns, posterior_specs
from discatlas.bar_spirals.solar_orbit import SurfaceDensity, around_today, extremes, follow
from discatlas.constants import GYR_PER_KPC_KMS
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.density import DensityModel
from discatlas.dynamics.modes import Perturbation
from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.frames import Sun
from discatlas.runtime import script_log, use_threads
from discatlas.tables import column_names, read_columns, read_provenance, write_table

log = logging.getLogger(__name__)
MODELS = ("axisymmetric", "barred")
PERCENTILES = {"lo": 15.87, "hi": 84.13}


def _times(time_limits_Gyr: Sequence[float], step_Gyr: float) -> np.ndarray:
    """Return growing times around today [kpc/(km/s)], today among them."""
    first, last = (round(float(limit) / float(step_Gyr)) for limit in time_limits_Gyr)
    if not first < 0 < last:
        raise DiscatlasError(
            f"solar orbit: time_limits_Gyr {list(time_limits_Gyr)}: expected a time before 0 and one after"
        )
    return np.arange(first, last + 1) * float(step_Gyr) / GYR_PER_KPC_KMS


def _columns(
    spec: Mapping[str, Any],
    plane: PlaneProfile,
    grid: PotentialGrid,
    components: DensityModel,
    sun: Sun,
    times: np.ndarray,
    bar_height_kpc: float | None,
) -> dict[str, np.ndarray]:
    """Return the columns of one model."""
    perturbation = Perturbation.from_config(spec["bar"], spec["spirals"])
    density = SurfaceDensity(components, perturbation, grid, bar_height_kpc)
    axisymmetric, barred = follow(plane, perturbation, sun, times)
    columns = {"t_Gyr": times * GYR_PER_KPC_KMS}
    for name, orbit in zip(MODELS, (axisymmetric, barred), strict=True):
        columns |= {
            f"X_{name}_kpc": orbit.X_kpc,
            f"Y_{name}_kpc": orbit.Y_kpc,
            f"R_{name}_kpc": orbit.R_kpc,
            f"v_R_{name}_kms": orbit.v_R_kms,
        }
    columns["surface_density_axisymmetric_msun_kpc2"] = density.axisymmetric(axisymmetric.R_kpc)
    return columns | {"surface_density_barred_msun_kpc2": density.along(barred)}


def _periods(columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the times of pericentres and of density maxima, and the periods around today [Myr]."""
    record, t = {}, columns["t_Gyr"] * 1e3
    for name in MODELS:
        pericentres, apocentres = extremes(t, columns[f"R_{name}_kpc"])
        _, maxima = extremes(t, columns[f"surface_density_{name}_msun_kpc2"])
        periods = {"radial_period_Myr": around_today(pericentres), "density_period_Myr": around_today(maxima)}
        record[name] = {key: (value if np.isfinite(value) else None) for key, value in periods.items()} | {
            "pericentres_Myr": pericentres.tolist(),
            "apocentres_Myr": apocentres.tolist(),
            "density_maxima_Myr": maxima.tolist(),
        }
    return record


def _band(drawn: list[dict[str, np.ndarray]]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the limits of the barred columns over the draws of a posterior, and the spread of the periods."""
    band = {}
    for name in ("R_barred_kpc", "surface_density_barred_msun_kpc2"):
        base, unit = name.split("_barred_")
        for key, percent in PERCENTILES.items():
            band[f"{base}_barred_{key}_{unit}"] = np.percentile([columns[name] for columns in drawn], percent, axis=0)
    spread = {}
    for key in ("radial_period_Myr", "density_period_Myr"):
        values = [value for columns in drawn if (value := _periods(columns)["barred"][key]) is not None]
        spread[key] = (
            dict(zip(("lo", "median", "hi"), np.percentile(values, [15.87, 50, 84.13]).tolist(), strict=True))
            if values
            else None
        )
    return band, {"n_draws": len(drawn)} | spread


def _words(record: Mapping[str, Any]) -> str:
    """Return the radial periods in words."""
    return ", ".join(f"{name} {record[name]['radial_period_Myr']} Myr" for name in MODELS)


def run(
    *,
    model: Path,
    plane: Path,
    grid: Path,
    posterior: Path | None,
    solar_orbit: Path,
    summary: Path,
    sun: Mapping[str, Any],
    time_limits_Gyr: Sequence[float],
    step_Gyr: float,
    bar_height_kpc: float | None,
    cut_offs: str | None,
    n_draws: int,
    threads: int,
) -> None:
    """Write the table ``solar_orbit`` and its periods.

    Parameters
    ----------
    model, plane, grid : Path
        Specification of the barred model, and tables of its axisymmetric potential.
    posterior : Path or None
        Draws of the fit's parameters, for error bands.
    solar_orbit, summary : Path
        Products: the table, and JSON with times of pericentres and density maxima and the periods around today.
    sun : mapping
        Position and velocity of the Sun; its height and vertical velocity are left out.
    time_limits_Gyr, step_Gyr
        From when to when (before and after today), and step of the table.
    bar_height_kpc : float or None
        Height within which the bar's density counts; None leaves it out (see `SurfaceDensity`).
    cut_offs, n_draws
        Of the posterior: its fit's choice of cut-offs, and the models that are taken.

    Raises
    ------
    DiscatlasError
        For limits that do not hold today, or tables of a potential whose components are not in their provenance.
    """
    use_threads(threads)
    spec, about = json.loads(model.read_text(encoding="utf-8")), read_provenance(plane)
    if "model" not in about:
        raise DiscatlasError(f"{plane}: its provenance lacks the components of the potential; tabulate it again")
    profile, space = PlaneProfile.from_columns(read_columns(plane)), PotentialGrid.from_columns(read_columns(grid))
    components, observer = DensityModel.from_config(about["model"]), Sun.from_config(sun)
    setting = (profile, space, components, observer, _times(time_limits_Gyr, step_Gyr), bar_height_kpc)
    columns = _columns(spec, *setting)
    record = {"sun": observer.as_dict(), "bar_height_kpc": bar_height_kpc} | _periods(columns)
    if posterior is not None:
        draws = read_columns(posterior, posterior_columns(column_names(posterior)))
        specs = posterior_specs(draws, spec, profile, str(cut_offs), n_draws)
        band, record["posterior"] = _band([_columns(entry, *setting) for entry in specs])
        columns |= band
    write_table(solar_orbit, load_contract("solar_orbit"), columns, {"model": spec, "potential": about} | record)
    write_json(summary, record)
    log.info(f"{solar_orbit}: around today {_words(record)}")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            model=Path(snakemake.input.model),
            plane=Path(snakemake.input.plane),
            grid=Path(snakemake.input.grid),
            posterior=Path(snakemake.input.posterior) if snakemake.input.get("posterior") else None,
            solar_orbit=Path(snakemake.output.solar_orbit),
            summary=Path(snakemake.output.summary),
            sun=snakemake.params.sun,
            time_limits_Gyr=snakemake.params.time_limits_Gyr,
            step_Gyr=snakemake.params.step_Gyr,
            bar_height_kpc=snakemake.params.bar_height_kpc,
            cut_offs=snakemake.params.cut_offs,
            n_draws=snakemake.params.n_draws,
            threads=snakemake.threads,
        )
