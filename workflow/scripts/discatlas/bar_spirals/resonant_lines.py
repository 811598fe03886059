"""Where in the plane of velocities orbits are in resonance with a rotating pattern.

The resonance l:m is  l kappa + m (Omega - Omega_p) = 0: l = 0 corotation, l = 1, m = 2 the outer Lindblad resonance. Two
answers are given: the closed formula of Khalil et al. 2025 (Eq. A.5), which takes the frequencies of an orbit for those of
the circular orbit of its energy, and the line on which the frequencies of the orbits themselves meet the condition.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
N_ANGLE = 64  # points of the quadrature between the turning points
N_BISECTIONS = 50
STEP_KMS = 4.0  # of v_phi, between which the condition is taken for linear


def resonance_radius(plane: PlaneProfile, Omega_kms_kpc: float, l: int, m: int) -> float:  # noqa: E741
    """Return the radius of the circular orbit in the resonance l:m with a pattern of speed `Omega_kms_kpc` [kpc].

    Raises
    ------
    DiscatlasError
        If the pattern has no such resonance in the table of the plane, or several.
    """
    if m < 1 or int(m) != m or int(l) != l:
        raise DiscatlasError(f"resonance {l}:{m}: expected whole numbers, the second above 0")
    excess = l * plane.kappa_kms_kpc + m * (plane.Omega_kms_kpc - Omega_kms_kpc)
    found = np.count_nonzero(np.diff(np.sign(excess)))
    if found != 1:
        raise DiscatlasError(
            f"resonance l:m = {l}:{m} of a pattern of {Omega_kms_kpc:g} km/s/kpc: found {found} radii between {plane.R_kpc[0]:g} and "
            f"{plane.R_kpc[-1]:g} kpc, expected one; leave it out, or change the speed"
        )
    return plane.resonance(Omega_kms_kpc, m, -l)


def resonant_line(
    plane: PlaneProfile,
    R_kpc: float,
    v_R_kms: ArrayLike,
    Omega_kms_kpc: float,
    l: int,  # noqa: E741
    m: int,
) -> Array:
    """Return v_phi of the resonance l:m at a radius, as a function of v_R, by Eq. A.5 of Khalil et al. 2025 [km/s].

    Parameters
    ----------
    plane : PlaneProfile
        The axisymmetric potential.
    R_kpc : float
        Where the velocities are looked at.
    v_R_kms : array, shape (n,)
        Radial velocities.
    Omega_kms_kpc : float
        Pattern speed.
    l, m : int
        The resonance; m > 0, l > 0 outside corotation.

    Returns
    -------
    array, shape (n,)
        NaN where the line has ended: there an orbit of the resonance's energy would need v_phi^2 < 0.

    Raises
    ------
    DiscatlasError
        If the pattern has no such resonance, or several.
    """
    radius = resonance_radius(plane, Omega_kms_kpc, l, m)
    Omega, kappa, _ = (float(frequency) for frequency in plane.frequencies(radius))
    gamma, v_c, x = 2 * Omega / kappa, radius * Omega, R_kpc / radius
    slowed = 1 + (np.asarray(v_R_kms, float) / (x * v_c)) ** 2
    squared = 2 * x ** (2 / gamma) - x ** (4 / gamma) * slowed
    return v_c / x * np.sqrt(np.where(squared >= 0, squared, np.nan))


def orbital_frequencies(
    plane: PlaneProfile, R_kpc: ArrayLike, v_R_kms: ArrayLike, v_phi_kms: ArrayLike
) -> tuple[Array, Array]:
    """Return the radial and the azimuthal frequency of orbits in the plane, by quadrature [km/s/kpc].

    Parameters
    ----------
    R_kpc, v_R_kms, v_phi_kms : array
        Radius in the table and velocities, which broadcast; v_phi is not 0.

    Returns
    -------
    (array, array)
        NaN for orbits that leave the table of the plane.
    """
    arrays = np.broadcast_arrays(*(np.asarray(values, float) for values in (R_kpc, v_R_kms, v_phi_kms)))
    R, v_R, v_phi = (values.ravel() for values in arrays)
    L = R * v_phi
    E = 0.5 * (v_R**2 + v_phi**2) + plane.potential(R)

    def kinetic(radius: Array) -> Array:
        """Return half of the square of the radial velocity."""
        return E - plane.potential(radius) - 0.5 * (L / radius) ** 2

    near, far = (_turning_point(kinetic, R, limit) for limit in plane.R_kpc[[0, -1]])
    is_held = (kinetic(np.full_like(R, plane.R_kpc[-1])) < 0) & (kinetic(np.full_like(R, plane.R_kpc[0])) < 0)
    middle, half = 0.5 * (near + far), 0.5 * (far - near)
    time, angle = np.zeros_like(R), np.zeros_like(R)
    for eta in (np.arange(N_ANGLE) + 0.5) / N_ANGLE * np.pi:
        radius = middle - half * np.cos(eta)
        with np.errstate(divide="ignore", invalid="ignore"):
            spent = half * np.sin(eta) / np.sqrt(2 * kinetic(radius))
        time += spent
        angle += spent * L / radius**2
    time[~is_held] = np.nan
    with np.errstate(invalid="ignore"):
        result = N_ANGLE / time, angle / time
    return result[0].reshape(arrays[0].shape), result[1].reshape(arrays[0].shape)


def _turning_point(kinetic: object, allowed: Array, limit: float) -> Array:
    """Return where the radial velocity is 0 between an allowed radius and the end of the table, by bisection."""
    allowed, forbidden = allowed.copy(), np.full_like(allowed, limit)
    for _ in range(N_BISECTIONS):
        middle = 0.5 * (allowed + forbidden)
        is_allowed = kinetic(middle) >= 0
        allowed, forbidden = np.where(is_allowed, middle, allowed), np.where(is_allowed, forbidden, middle)
    return 0.5 * (allowed + forbidden)


def exact_line(
    plane: PlaneProfile,
    R_kpc: float,
    v_R_kms: ArrayLike,
    Omega_kms_kpc: float,
    l: int,  # noqa: E741
    m: int,
    v_phi_limits_kms: tuple[float, float],
) -> Array:
    """Return v_phi at which orbits meet l Omega_R + m (Omega_phi - Omega_p) = 0, as a function of v_R [km/s].

    Arguments are those of `resonant_line`; of several solutions within `v_phi_limits_kms`, whose lower one is above 0, the
    largest is taken, and NaN where there is none.
    """
    v_R, sides = np.unique(np.abs(np.asarray(v_R_kms, float)), return_inverse=True)
    low, high = v_phi_limits_kms
    v_phi = np.linspace(low, high, max(int(np.ceil((high - low) / STEP_KMS)), 1) + 1)
    Omega_R, Omega_phi = orbital_frequencies(plane, R_kpc, v_R[:, None], v_phi[None, :])
    excess = l * Omega_R + m * (Omega_phi - Omega_kms_kpc)
    below, above = excess[:, :-1], excess[:, 1:]
    crosses = np.sign(below) * np.sign(above) <= 0
    last = crosses.shape[1] - 1 - np.argmax(crosses[:, ::-1], axis=1)
    rows = np.arange(v_R.size)
    first, second = below[rows, last], above[rows, last]
    with np.errstate(invalid="ignore"):
        found = v_phi[last] + (v_phi[last + 1] - v_phi[last]) * first / (first - second)
    return np.where(crosses.any(axis=1), found, np.nan)[sides]
