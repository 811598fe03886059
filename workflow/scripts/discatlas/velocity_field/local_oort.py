"""Oort constants A, B, C, K at the Sun: from proper motions, from these and line-of-sight velocities, from the field.

To first order the mean velocity about the Sun, along the Galactic axes x (l = 0) and y (l = 90 deg), is

    v_x = (K + C) x + (A - B) y - u0,    v_y = (A + B) x + (K - C) y - v0,    v_z = -w0,

with (u0, v0, w0) the Sun's velocity relative to the stars (toward the centre, along rotation, up). Seen from the Sun

    k pm_l = (A cos 2l - C sin 2l + B) cos b + (u0 sin l - v0 cos l) / d
    k pm_b = -(A sin 2l + C cos 2l + K) sin b cos b + ((u0 cos l + v0 sin l) sin b - w0 cos b) / d
    v_los  = d cos^2 b (K + C cos 2l + A sin 2l) - (u0 cos l + v0 sin l) cos b - w0 sin b

(Bovy 2017, MNRAS 468, L63), pm_l with cos b. Each equation of a proper motion is multiplied by the distance d, so that
its scatter is the velocity dispersion and the same for all stars; A to K then still depend on distances only through
the solar reflex and the weights. K is the weak one: a vertical gradient dv_Z/dZ looks in pm_b exactly like -K, so that
proper motions alone give K - dv_Z/dZ; line-of-sight velocities at low b give K. Other vertical gradients and terms of
second order are left out; over 2 kpc, or with other weights, they move A and B of open clusters by 0.5 km/s/kpc, more
than the statistical error.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from discatlas.errors import DiscatlasError
from discatlas.frames import KMS_PER_KPC_MASYR, galactic_angles, galactic_rotation, unit_vectors

Array = NDArray[np.float64]

OORT = ("A", "B", "C", "K")
PARAMETERS = ("A_kms_kpc", "B_kms_kpc", "C_kms_kpc", "K_kms_kpc", "u0_kms", "v0_kms", "w0_kms")
COMPONENTS = ("l", "b", "los")
CLIP_SIGMA = 3.0
MIN_STARS = 3 * len(PARAMETERS)
MAX_CONDITION = 1e6  # of the scaled normal matrix: beyond it the stars do not constrain all parameters
BLOCK_STARS = 65_536
TRUSTED = ("good", "sparse")


class OortFit(NamedTuple):
    """Result of `fit_oort`.

    `values` and `errors` [km/s/kpc and km/s] are in the order of `PARAMETERS`, `covariance` has shape (7, 7); `scatter`
    is the robust scatter [km/s] of the residuals in each component of `COMPONENTS` that was fitted; `is_kept` is True
    for the stars that were not clipped.
    """

    values: Array
    errors: Array
    covariance: Array
    scatter: Array
    is_kept: NDArray[np.bool_]


def galactic_motion(ra_deg: Array, dec_deg: Array, pmra: Array, pmdec: Array) -> tuple[Array, Array, Array, Array]:
    """Return l in [0, 360), b [deg] and the proper motion along l (times cos b) and b [mas/yr] from ICRS.

    All arrays have shape (n,); `pmra` is times cos dec.
    """
    east, north, _ = unit_vectors(ra_deg, dec_deg)
    motion = np.einsum("ij,jn->in", galactic_rotation(), pmra * east + pmdec * north)
    l_deg, b_deg = galactic_angles(ra_deg, dec_deg)
    along_l, along_b, _ = unit_vectors(l_deg, b_deg)
    return l_deg, b_deg, np.sum(along_l * motion, axis=0), np.sum(along_b * motion, axis=0)


def select_shell(
    b_deg: Array, distance_kpc: Array, distance_limits_kpc: list[float], b_max_deg: float
) -> NDArray[np.bool_]:
    """Return True for stars within the limits of distance (both included) and |b|; False where either is NaN.

    Raises
    ------
    DiscatlasError
        Unless 0 <= lower < upper distance and b_max > 0.
    """
    low, high = distance_limits_kpc
    if not 0 <= low < high or not b_max_deg > 0:
        raise DiscatlasError(
            f"Oort constants: got distance_limits_kpc {distance_limits_kpc} and b_max_deg {b_max_deg:g}; "
            "expected 0 <= lower < upper and a positive angle"
        )
    return (distance_kpc >= low) & (distance_kpc <= high) & (np.abs(b_deg) <= b_max_deg)


def design(l_deg: Array, b_deg: Array, distance_kpc: Array, n_components: int) -> Array:
    """Return the derivatives of the velocities along l, b and the line of sight to `PARAMETERS`, shape (n, k, 7)."""
    axes = np.stack(unit_vectors(l_deg, b_deg))
    x, y = distance_kpc * axes[2, 0], distance_kpc * axes[2, 1]
    none, one = np.zeros_like(x), np.ones_like(x)
    flows = [(y, x, none), (-y, x, none), (x, -y, none), (x, y, none)]
    reflex = [(-one, none, none), (none, -one, none), (none, none, -one)]
    return np.einsum("kin,pin->nkp", axes[:n_components], np.array(flows + reflex))


def fit_oort(
    l_deg: Array,
    b_deg: Array,
    distance_kpc: Array,
    pm_l: Array,
    pm_b: Array,
    radial_velocity_kms: Array | None = None,
    clip_sigma: float = CLIP_SIGMA,
) -> OortFit:
    """Fit A, B, C, K and the solar reflex by least squares, with clipping and errors that need no noise model.

    Parameters
    ----------
    l_deg, b_deg, distance_kpc : array, shape (n,)
        Galactic position.
    pm_l, pm_b : array, shape (n,)
        Proper motions along l (times cos b) and b [mas/yr].
    radial_velocity_kms : array, shape (n,), optional
        Adds the equations of the line of sight. All values must be finite.
    clip_sigma : float
        A star leaves for good when one of its residuals exceeds this many robust scatters (1.4826 median |residual|)
        of that component; repeated until none leaves. ``inf`` keeps all.

    Notes
    -----
    Each component is weighted by its own scatter. The covariance is the jackknife over stars (all equations of a star
    leave together), so unequal and correlated residuals are allowed for; clipping makes it too small by the factor
    p^2 / (p - 2 c f(c))^2 for Gaussian residuals (p inside +-c sigma, f the normal density), which is put back. Errors
    of distances and structure in the field on the scale of the shell are not in it.

    Raises
    ------
    DiscatlasError
        For fewer than `MIN_STARS` stars, before or after clipping, or positions that do not constrain all parameters.
    """
    velocities = [KMS_PER_KPC_MASYR * distance_kpc * pm_l, KMS_PER_KPC_MASYR * distance_kpc * pm_b]
    velocity = np.stack(velocities + ([] if radial_velocity_kms is None else [radial_velocity_kms]), axis=1)
    where = np.stack([l_deg, b_deg, distance_kpc])
    is_kept, scatter = np.ones(velocity.shape[0], dtype=bool), np.ones(velocity.shape[1])
    while True:
        values, inverse = _solve(where[:, is_kept], velocity[is_kept], scatter)
        residual = np.concatenate([v - np.einsum("nkp,p->nk", X, values) for X, v in _blocks(where, velocity)])
        scatter = 1.4826 * np.median(np.abs(residual[is_kept]), axis=0)
        stays = is_kept & (np.abs(residual) <= clip_sigma * scatter).all(axis=1)
        if (stays == is_kept).all():
            break
        is_kept = stays
    values, inverse = _solve(where[:, is_kept], velocity[is_kept], scatter)
    covariance = _jackknife(where[:, is_kept], velocity[is_kept], scatter, values, inverse)
    covariance *= _clipping_factor(clip_sigma) ** 2
    return OortFit(values, np.sqrt(np.diag(covariance)), covariance, scatter, is_kept)


def _blocks(where: Array, velocity: Array) -> Iterator[tuple[Array, Array]]:
    """Yield design and velocities of blocks of stars; sums over blocks are the same for any number of threads."""
    for start in range(0, velocity.shape[0], BLOCK_STARS):
        rows = slice(start, start + BLOCK_STARS)
        yield design(*where[:, rows], velocity.shape[1]), velocity[rows]


def _solve(where: Array, velocity: Array, scatter: Array) -> tuple[Array, Array]:
    """Return the parameters and the inverse of the normal matrix."""
    n_stars = velocity.shape[0]
    if n_stars < MIN_STARS:
        raise DiscatlasError(
            f"Oort constants: {n_stars} stars are left, expected at least {MIN_STARS}; widen the shell"
        )
    if not (scatter > 0).all():
        raise DiscatlasError("Oort constants: more than half of the stars have no scatter at all")
    size = len(PARAMETERS)
    normal, right = np.zeros((size, size)), np.zeros(size)
    for X, v in _blocks(where, velocity):
        normal += np.einsum("nkp,k,nkq->pq", X, scatter**-2.0, X)
        right += np.einsum("nkp,k,nk->p", X, scatter**-2.0, v)
    scale = np.sqrt(np.diag(normal))
    if not (scale > 0).all() or np.linalg.cond(normal / np.outer(scale, scale)) > MAX_CONDITION:
        raise DiscatlasError(
            f"Oort constants: the {n_stars} stars do not constrain all of {', '.join(PARAMETERS)}: too little of the sky"
        )
    inverse = np.linalg.inv(normal / np.outer(scale, scale)) / np.outer(scale, scale)
    return inverse @ right, inverse


def _jackknife(where: Array, velocity: Array, scatter: Array, values: Array, inverse: Array) -> Array:
    """Return the covariance from leaving out one star at a time, by the exact formula of a linear fit."""
    total, n_components = np.zeros_like(inverse), velocity.shape[1]
    for X, v in _blocks(where, velocity):
        residual = v - np.einsum("nkp,p->nk", X, values)
        leverage = np.einsum("nkq,njq->nkj", np.einsum("nkp,pq->nkq", X, inverse), X) * scatter**-2.0
        without = np.linalg.solve(np.eye(n_components) - leverage, residual[..., None])[..., 0]
        score = np.einsum("nkp,k,nk->np", X, scatter**-2.0, without)
        total += np.einsum("np,nq->pq", score, score)
    n_stars = velocity.shape[0]
    return (n_stars - 1) / n_stars * (inverse @ total @ inverse)


def _clipping_factor(clip_sigma: float) -> float:
    """Return by how much clipping of Gaussian residuals widens the errors against those of the stars that are left."""
    if not np.isfinite(clip_sigma):
        return 1.0
    inside = 2.0 * norm.cdf(clip_sigma) - 1.0
    return float(inside / (inside - 2.0 * clip_sigma * norm.pdf(clip_sigma)))


def summarise(fit: OortFit) -> dict[str, Any]:
    """Return a fit as plain values: each of `PARAMETERS` with its error, numbers of stars, scatter per component."""
    record: dict[str, Any] = {}
    for name, value, error in zip(PARAMETERS, fit.values, fit.errors, strict=True):
        base, unit = name.split("_", 1)
        record |= {name: float(value), f"{base}_error_{unit}": float(error)}
    n_stars = int(fit.is_kept.sum())
    record |= {"n_stars": n_stars, "n_clipped": int(fit.is_kept.size - n_stars)}
    return record | {f"scatter_{name}_kms": float(value) for name, value in zip(COMPONENTS, fit.scatter, strict=False)}


def oort_columns(prefix: str) -> list[str]:
    """Return the columns of the ``velocity_field`` table that hold A, B, C, K and their errors (see `field_oort`)."""
    return [f"{prefix}{name}{part}_kms_kpc" for name in OORT for part in ("", "_error")]


def field_oort(
    field: Mapping[str, NDArray[Any]], R0_kpc: float, max_distance_kpc: float, prefix: str
) -> dict[str, Any]:
    """Return A, B, C, K with errors at the node of a velocity field nearest to the Sun, as plain values.

    Parameters
    ----------
    field : mapping of arrays, shape (n,)
        Rows of the ``velocity_field`` table of one radius.
    prefix : str
        ``""`` for the second-order fit, ``"linear_"`` for the first-order fit.

    Raises
    ------
    DiscatlasError
        If no node with a fit lies within `max_distance_kpc` of the Sun.
    """
    distance = np.hypot(field["X_kpc"] + R0_kpc, field["Y_kpc"])
    is_usable = np.isin(field["quality"].astype(str), TRUSTED) & np.isfinite(
        [field[name] for name in oort_columns(prefix)]
    ).all(axis=0)
    distance = np.where(is_usable, distance, np.inf)
    if not distance.size or distance.min() > max_distance_kpc:
        raise DiscatlasError(f"no node with a fit within {max_distance_kpc:g} kpc of the Sun")
    nearest = int(np.argmin(distance))
    record: dict[str, Any] = {name.removeprefix(prefix): float(field[name][nearest]) for name in oort_columns(prefix)}
    record |= {key: int(field[key][nearest]) for key in ("node", "n_cells")}
    return record | {"X_kpc": float(field["X_kpc"][nearest]), "Y_kpc": float(field["Y_kpc"][nearest])}
