"""How much weaker, and by how much ahead, a warm disc answers a spiral than a cold one: from the orbits of a warm population.

The spiral grows as exp(gamma t) from nothing. Along each orbit of a population f_0(J_R, L) the linearised Boltzmann
equation integrates to the sum over the harmonics n of its radial motion (Kalnajs 1971, ApJ 166, 275)

    f_1 = sum_n c_n (n df_0/dJ_R + m df_0/dL) / [n kappa + m (Omega - Omega_p) - i gamma] exp[i (n theta_R + m theta_phi)],

with theta_R, theta_phi, kappa and Omega the angles and frequencies of the orbit, and c_n those of the spiral along it:
Phi_a(R) exp[i m (phi - theta_phi)] = sum_n c_n exp(i n theta_R). The mean v_R at R is the integral of v_R f_1 over the
velocities there. Neither tight winding nor small epicycles are assumed; in that limit it is the reduction factor of
Lin, Shu and Kalnajs (Binney & Tremaine 2008, Eq. 6.63). The factor is complex, over the response of `spiral_response`
to the steady spiral without regularisation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ive

from discatlas.constants import GYR_PER_KPC_KMS
from discatlas.dynamics.logarithmic import Logarithmic
from discatlas.dynamics.modes import Pattern, Perturbation
from discatlas.dynamics.orbits import ForceTables
from discatlas.errors import DiscatlasError
from discatlas.simulation.reduction_kernel import cosine_matrix, integration_matrix, sum_orbits
from discatlas.simulation.spiral_mock import SpiralMode, warm_disc
from discatlas.simulation.warm_disc import WarmDisc
from discatlas.spiral_response import LINDBLAD_MARGIN, Spiral, frequency_ratio, response_coefficients

Array = NDArray[np.float64]
STEPS_KMS = (2.5, 1.0)  # of the sums over v_R and v_phi, for dispersions from WARM_KMS on; finer for colder discs
WARM_KMS = 15.0
REACH = 5.0  # dispersions
MAX_ORDER = 60  # of the sum over Bessel functions


@dataclass(frozen=True)
class ReductionGrid:
    """What is tabulated: populations, spirals of which pitch angle and pattern speed are those of the grid, and radii."""

    potential: Logarithmic
    discs: tuple[WarmDisc, ...]
    spiral: Spiral
    pitch_deg: tuple[float, ...]
    pattern_speed_kms_kpc: tuple[float, ...]
    R_kpc: tuple[float, ...]
    growth_Gyr: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any], where: str) -> Self:
        """Build the grid of a config entry; `where` names the entry in errors.

        Raises
        ------
        DiscatlasError
            For an impossible potential, population or spiral, and for a grid without values or out of range.
        """
        grids = {key: config[key] for key in ("sigma_R_kms", "pitch_deg", "pattern_speed_kms_kpc", "R_kpc")}
        for key, values in grids.items():
            if len(values) == 0 or any(low >= high for low, high in pairwise(values)):
                raise DiscatlasError(f"{where}.{key}: got {list(values)}, expected growing values, at least one")
        if not 0.5 <= grids["R_kpc"][0] <= grids["R_kpc"][-1] <= 40.0:
            raise DiscatlasError(f"{where}.R_kpc: got {list(grids['R_kpc'])}, expected radii from 0.5 to 40 kpc")
        if not config["growth_Gyr"] > 0:
            raise DiscatlasError(f"{where}.growth_Gyr: got {config['growth_Gyr']}, expected more than 0")
        potential = Logarithmic(config["v_c_kms"], config["core_kpc"])
        shape = dict(config["spiral"]) | {"pitch_deg": grids["pitch_deg"][0], "pattern_speed_kms_kpc": 0.0}
        return cls(
            potential,
            tuple(warm_disc(config, potential, sigma) for sigma in grids.pop("sigma_R_kms")),
            Spiral.from_config(shape, config["R0_kpc"], f"{where}.spiral"),
            **{key: tuple(map(float, values)) for key, values in grids.items()},
            growth_Gyr=config["growth_Gyr"],
        )


def warm_response(
    discs: Sequence[WarmDisc],
    spirals: Sequence[Spiral],
    pattern_speeds_kms_kpc: ArrayLike,
    R_kpc: float,
    growth_Gyr: float,
    steps_kms: tuple[float, float] = STEPS_KMS,
) -> tuple[NDArray[np.complex128], Array]:
    """Return V of the mean v_R = Re[V exp(i m (phi - Omega_p t))] of warm discs at one radius, and their dispersions there.

    Parameters
    ----------
    discs : sequence of WarmDisc
        Populations in one potential.
    spirals : sequence of Spiral
        Of one m; their pattern speeds are not used.
    pattern_speeds_kms_kpc : array, shape (s,)
        Pattern speeds.
    growth_Gyr : float
        Time in which the spiral grew by a factor e.
    steps_kms : tuple of two float
        Steps of the sums over v_R and v_phi; smaller in proportion where the coldest disc is colder than WARM_KMS.

    Returns
    -------
    array of complex, shape (discs, spirals, s), [km/s]; array, shape (discs,), [km/s]
    """
    potential, m = discs[0].potential, spirals[0].m
    modes = tuple(SpiralMode(spiral, Pattern(0.0, 0.0)) for spiral in spirals)
    tables = ForceTables.build(potential.plane(), Perturbation(None, modes))
    Omega, kappa = potential.frequencies(R_kpc)
    dispersions = [float(disc.dispersion(R_kpc)) for disc in discs]
    wide, finer = REACH * max(dispersions), min(1.0, min(dispersions) / WARM_KMS)
    across, v_c, reach = (
        float(wide * kappa / (2 * Omega)),
        float(R_kpc * Omega),
        1.15,
    )  # a little for the outward decline
    v_R = np.arange(0.5, reach * wide / (steps_kms[0] * finer)) * steps_kms[0] * finer
    v_phi = np.arange(max(v_c - 1.4 * across, 0.05 * v_c), v_c + reach * across, steps_kms[1] * finer)
    terms = np.stack([np.stack(disc.density_terms(R_kpc * v_phi), axis=-1) for disc in discs], axis=1)
    terms[..., 0] -= terms[..., 0].max(axis=0)
    gamma = GYR_PER_KPC_KMS / growth_Gyr
    response, moments = sum_orbits(
        float(R_kpc), v_R, v_phi, m, np.asarray(pattern_speeds_kms_kpc, float), gamma, np.ascontiguousarray(terms),
        tables.radial, tables.radial_nodes, integration_matrix(), cosine_matrix(),
    )  # fmt: skip
    mass, square = moments.sum(axis=0).T
    return response.sum(axis=0) / (2 * mass)[:, None, None], np.sqrt(square / mass)


def cold_response(spiral: Spiral, R_kpc: ArrayLike, potential: Logarithmic) -> NDArray[np.complex128]:
    """Return V of v_R = Re[V exp(i m (phi - Omega_p t))] of a cold disc, without regularisation, of the shape of R."""
    terms = response_coefficients(spiral, R_kpc, *potential.frequencies(R_kpc), 0.0)
    return (terms.v_R_cos_kms - 1j * terms.v_R_sin_kms) * np.exp(1j * spiral.phase(R_kpc, 0.0))


def tight_winding_factor(nu: ArrayLike, chi: ArrayLike) -> Array:
    """Return the reduction factor of Lin, Shu and Kalnajs (Binney & Tremaine 2008, Eq. 6.63).

    2 (1 - nu^2)/chi exp(-chi) sum_{n >= 1} I_n(chi)/(1 - nu^2/n^2), with nu = m (Omega_p - Omega)/kappa and
    chi = (k sigma_R/kappa)^2, above 0; 1 at the Lindblad resonances and NaN where |nu| is a larger whole number.
    """
    nu, chi = np.broadcast_arrays(np.asarray(nu, float), np.asarray(chi, float))
    n = np.arange(1, MAX_ORDER + 1).reshape(-1, *([1] * nu.ndim))
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = np.sum(ive(n[1:], chi) / (1 - nu**2 / n[1:] ** 2), axis=0)
        factor = 2 / chi * (ive(1, chi) + (1 - nu**2) * rest)
    return np.where(np.isfinite(factor), factor, np.nan)


def reduction_columns(grid: ReductionGrid) -> dict[str, Array]:
    """Return the columns of contract ``spiral_reduction``, radius fastest, then pattern speed, pitch angle and dispersion."""
    speeds, R = np.array(grid.pattern_speed_kms_kpc), np.array(grid.R_kpc)
    spirals = [replace(grid.spiral, pitch_deg=pitch) for pitch in grid.pitch_deg]
    found = [warm_response(grid.discs, spirals, speeds, radius, grid.growth_Gyr) for radius in grid.R_kpc]
    warm, sigma = (np.stack(parts, axis=-1) for parts in zip(*found, strict=True))
    cold, nu, chi = (np.empty((len(spirals), speeds.size, R.size), kind) for kind in (complex, float, float))
    frequencies = grid.potential.frequencies(R)
    for i, pitched in enumerate(spirals):
        for j, speed in enumerate(speeds):
            spiral = replace(pitched, pattern_speed_kms_kpc=float(speed))
            cold[i, j] = cold_response(spiral, R, grid.potential)
            nu[i, j] = frequency_ratio(spiral, *frequencies)
            chi[i, j] = (spiral.wavenumber(R) / frequencies[1]) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.nan_to_num(warm / cold, posinf=0.0, neginf=0.0)
    axes = np.meshgrid([disc.sigma_R_kms for disc in grid.discs], grid.pitch_deg, speeds, R, indexing="ij")
    names = ("sigma_R_kms", "pitch_deg", "pattern_speed_kms_kpc", "R_kpc")
    local = np.broadcast_to(sigma[:, None, None, :], factor.shape)
    columns = dict(zip(names, axes, strict=True)) | {
        "sigma_R_local_kms": local,
        "factor": np.abs(factor),
        "phase_lead_deg": np.angle(factor, deg=True),
        "factor_real": factor.real,
        "factor_imag": factor.imag,
        "tight_winding_factor": tight_winding_factor(nu, chi * local**2),
        "valid": np.broadcast_to(np.abs(np.abs(nu) - 1) > LINDBLAD_MARGIN, factor.shape),
    }
    return {name: np.ascontiguousarray(values).ravel() for name, values in columns.items()}
