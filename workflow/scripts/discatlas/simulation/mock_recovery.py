"""A spiral mock seen at the places of real stars, smoothed as they are, and its spiral recovered by the fit of the data."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.maps.smoothing import correlations, smooth
from discatlas.maps.windows import Windows, member_weights, window_members
from discatlas.simulation.spiral_mock import SpiralMock
from discatlas.spiral_fit.evidence import fit_measures, parameter_records
from discatlas.spiral_fit.nodes import star_places
from discatlas.spiral_fit.sampling import sample
from discatlas.spiral_fit.setting import ResponseMap, Settings, prepare

Array = NDArray[np.float64]
MAX_SHIFT_KPC = 0.1  # stars farther than this from all particles are outside the mock
N_POSTERIOR = 4000


class Observed(NamedTuple):
    """Stars of a mock: places, measured v_R and its error, shape (n,) each."""

    X_kpc: Array
    Y_kpc: Array
    v_R_kms: Array
    error_kms: Array


def observe_mock(stars: Mapping[str, Array], particles: Mapping[str, Array], rng: np.random.Generator) -> Observed:
    """Return the particles nearest to the stars, their v_R with Gaussian errors; stars outside the mock are left out.

    Parameters
    ----------
    stars : mapping
        X_kpc, Y_kpc and v_R_error_kms of shape (n,); stars without all of them are left out.
    particles : mapping
        X_kpc, Y_kpc and v_R_kms.

    Raises
    ------
    DiscatlasError
        If no star is left.
    """
    place, error = np.stack([stars["X_kpc"], stars["Y_kpc"]], axis=1), np.asarray(stars["v_R_error_kms"], float)
    known = np.isfinite(place).all(axis=1) & (error > 0)
    places = np.stack([particles["X_kpc"], particles["Y_kpc"]], axis=1)
    distance, nearest = KDTree(places).query(place[known], distance_upper_bound=MAX_SHIFT_KPC)
    inside = np.isfinite(distance)
    if not inside.any():
        raise DiscatlasError(f"none of {len(place):,} stars lies within {MAX_SHIFT_KPC} kpc of a particle of the mock")
    chosen, error = nearest[inside], error[known][inside]
    measured = np.asarray(particles["v_R_kms"])[chosen] + error * rng.standard_normal(error.size)
    return Observed(*places[chosen].T.copy(), measured, error)


def recover(
    mock: SpiralMock,
    observed: Observed,
    smoothed: Mapping[str, Any],
    response: Mapping[str, Any],
    rng: np.random.Generator,
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return truth and posterior of each free parameter by name, and how good the fit is.

    Parameters
    ----------
    smoothed, response : mapping
        Config entries of the smoothed map and of the fit. Of the fit the range, the priors, the terms and the treatment of
        the errors are taken; rotation curve, normalisation and a fixed pattern speed are those of the mock, and no
        floor is added to the errors.
    rng : Generator
        For the bootstraps and for the sampler.

    Raises
    ------
    DiscatlasError
        As the smoothing and the fit.
    """
    settings = _settings(mock, response)
    problem = prepare(settings, _smoothed_map(observed, smoothed, rng))
    posterior = sample(problem.likelihood, settings.priors, rng, response["n_live"], N_POSTERIOR)
    records = parameter_records(posterior.points, posterior.best, settings.priors)
    true = mock.spiral.with_pivot(settings.model.pivot_kpc)
    for name, record in records.items():
        record["truth"] = float(getattr(true, name, 0.0))
    if "phase_deg" in records:  # the turn nearest to the posterior
        record = records["phase_deg"]
        record["truth"] += 360.0 * np.round((record["median"] - record["truth"]) / 360.0)
    return records, fit_measures(problem.likelihood, posterior.best, settings.priors)


def _settings(mock: SpiralMock, response: Mapping[str, Any]) -> Settings:
    spiral = asdict(mock.spiral)
    given = {"crowding": None, "parametrisation": "phase"} | dict(response)
    given |= {name: spiral[name] for name in ("m", "normalisation", "scale_height_kpc", "R0_kpc")}
    given |= {"v_c_kms": mock.potential.v_c_kms, "v_c_slope": 0.0, "core_kpc": mock.potential.core_kpc}
    given |= {"floor_kms": 0.0, "window_kpc": None, "reduction_sigma_R_kms": None}
    if isinstance(given["pattern_speed_kms_kpc"], (int, float)):
        given["pattern_speed_kms_kpc"] = spiral["pattern_speed_kms_kpc"]
    return Settings(**{field.name: given[field.name] for field in fields(Settings)})


def _smoothed_map(observed: Observed, smoothed: Mapping[str, Any], rng: np.random.Generator) -> ResponseMap:
    """Smooth as rule smooth_map does, in memory."""
    windows = Windows(smoothed["limits_kpc"], smoothed["spacing_kpc"], smoothed["window_kpc"])
    X, Y, v_R, error = observed
    members = offsets, indices = window_members(X, Y, windows)
    values = smooth(v_R, error, members, smoothed["min_stars"], smoothed["n_bootstraps"], rng)
    pairs = correlations(v_R, error, members, values, windows)
    cell = np.flatnonzero(np.isfinite(values.value))
    centre_X, centre_Y = windows.grid.centres(cell).T
    R, phi = cylindrical_position(centre_X, centre_Y)
    columns = {"cell": cell, "X_kpc": centre_X, "Y_kpc": centre_Y, "R_kpc": R, "phi_deg": phi}
    columns |= {"v_R_kms": values.value[cell], "v_R_error_kms": values.error[cell]}
    weights = member_weights(error, values.sigma**2, offsets, indices)
    return ResponseMap(
        columns=columns,
        places=star_places(X, Y, offsets, indices, weights).take(cell),
        averaging="stars",
        pairs=(np.searchsorted(cell, pairs.a), np.searchsorted(cell, pairs.b), pairs.correlation),
        jitter=1.0 / smoothed["n_bootstraps"],
        correlation_kpc=None,
        where="the smoothed mock",
    )
