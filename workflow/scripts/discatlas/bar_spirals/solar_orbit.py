"""The Sun's orbit in the plane, in the axisymmetric and in the barred potential (Khalil et al. 2025, Sect. 5.5).

Vertical motion is left out, as in the paper.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline, CubicSpline
from scipy.special import beta as beta_function

from discatlas.bar_spirals.contrast import baryonic_surface_density
from discatlas.constants import G_KPC_KMS2_MSUN
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.density import DensityModel
from discatlas.dynamics.modes import Bar, Perturbation, Spiral
from discatlas.dynamics.orbits import ForceTables, integrate
from discatlas.errors import DiscatlasError
from discatlas.frames import Sun, cylindrical_position

Array = NDArray[np.float64]
R_LIMITS_KPC, N_RADII, N_KNOTS = (1.0, 30.0), 12_000, 64  # of the tables of surface density
SUBSTEP_KPC_KMS = 1e-3  # longest step of the integration
FOUR_PI_G = 4 * np.pi * G_KPC_KMS2_MSUN


@dataclass(frozen=True)
class PlanarOrbit:
    """An orbit at growing times (today is 0): arrays of shape (n,), in kpc, degrees and km/s."""

    time_kpc_kms: Array
    X_kpc: Array
    Y_kpc: Array
    v_X_kms: Array
    v_Y_kms: Array

    @property
    def R_kpc(self) -> Array:
        """Distance from the axis."""
        return np.hypot(self.X_kpc, self.Y_kpc)

    @property
    def phi_deg(self) -> Array:
        """Azimuth, positive with rotation, zero where the Sun is today."""
        return cylindrical_position(self.X_kpc, self.Y_kpc)[1]

    @property
    def v_R_kms(self) -> Array:
        """Velocity away from the axis."""
        return (self.X_kpc * self.v_X_kms + self.Y_kpc * self.v_Y_kms) / self.R_kpc


def sun_in_plane(sun: Sun) -> tuple[Array, Array]:
    """Return position and velocity of the Sun with its height and vertical velocity left out, shape (3,) each."""
    X, Y, _ = sun.position_kpc
    v_X, v_Y, _ = sun.v_sun_kms
    return np.array([X, Y, 0.0]), np.array([v_X, v_Y, 0.0])


def planar_orbit(tables: ForceTables, position_kpc: Array, velocity_kms: Array, times_kpc_kms: Array) -> PlanarOrbit:
    """Return the orbit through a place today, at growing times of which one is 0; position and velocity of shape (3,)."""
    times = np.asarray(times_kpc_kms, float)
    today = int(np.argmin(np.abs(times)))
    states = np.empty((times.size, 2, 3))
    states[today] = position_kpc, velocity_kms
    for rows in (range(today, times.size - 1), range(today, 0, -1)):
        for row in rows:
            coming = row + (1 if rows.step > 0 else -1)
            n_steps = np.array([max(int(np.ceil(abs(times[coming] - times[row]) / SUBSTEP_KPC_KMS)), 1)])
            x, v = integrate(tables, *states[row][:, None, :], times[row], times[coming], n_steps)
            states[coming] = x[0], v[0]
    return PlanarOrbit(times, states[:, 0, 0], states[:, 0, 1], states[:, 1, 0], states[:, 1, 1])


class SurfaceDensity:
    """Surface density along orbits, tabulated in radius [solar masses / kpc^2], each mode by Poisson's equation.

    Parameters
    ----------
    model : DensityModel
        The axisymmetric components; discs and bulge count.
    perturbation : Perturbation
        Its spirals add their density at all heights, between their cut-offs.
    grid : PotentialGrid
        The potential in space, of which the bar is a fraction.
    bar_height_kpc : float or None
        The bar's density counts within this height, which it needs: a fraction of the potential at every height has no
        finite surface density (see Thomas et al. 2023). None: the bar's density is left out.
    """

    def __init__(
        self, model: DensityModel, perturbation: Perturbation, grid: PotentialGrid, bar_height_kpc: float | None
    ) -> None:
        self._R = np.linspace(*R_LIMITS_KPC, N_RADII)
        knots = np.geomspace(*R_LIMITS_KPC, N_KNOTS)
        baryons = [baryonic_surface_density(model, R) for R in knots]
        self._baryons = np.exp(CubicSpline(np.log(knots), np.log(baryons))(np.log(self._R)))
        self._modes = [
            (mode.m, mode.pattern, mode.R_limits_kpc, self._laplacian(mode.m, _over_height(mode, self._R)))
            for mode in perturbation.spirals
        ]
        if perturbation.bar and bar_height_kpc:
            self._add_bar(perturbation.bar, grid, float(bar_height_kpc))

    def _add_bar(self, bar: Bar, grid: PotentialGrid, height_kpc: float) -> None:
        """Add the modes of a bar: the Laplacian in the plane of their integral over height, and the force at both ends."""
        if not 0 < height_kpc <= grid.Z_kpc[-1]:
            raise DiscatlasError(
                f"surface density: bar_height_kpc is {height_kpc:g}; expected at most the {grid.Z_kpc[-1]:g} kpc of the potential's table"
            )
        columns = [
            CubicHermiteSpline(grid.Z_kpc, *row) for row in zip(grid.Phi_km2_s2, grid.dPhi_dZ_km2_s2_kpc, strict=True)
        ]
        whole = CubicSpline(grid.R_kpc, [2 * column.integrate(0.0, height_kpc) for column in columns])(self._R)
        edge = CubicSpline(grid.R_kpc, [2 * column(height_kpc, 1) for column in columns])(self._R)
        for mode in bar.modes:
            share = bar.fraction(mode, self._R)[0] * bar.phase(mode)
            density = self._laplacian(mode.m, share * whole) + share * edge / FOUR_PI_G
            self._modes.append((mode.m, bar.pattern, (0.0, np.inf), density))

    def _laplacian(self, m: int, integral: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Return the surface density of a mode from the integral of its potential over height, both of the radius."""
        rising = self._R * np.gradient(integral, self._R, edge_order=2)
        return (np.gradient(rising, self._R, edge_order=2) - m**2 / self._R * integral) / self._R / FOUR_PI_G

    def axisymmetric(self, R_kpc: Array) -> Array:
        """Return the surface density of discs and bulge."""
        return np.exp(np.interp(R_kpc, self._R, np.log(self._baryons)))

    def along(self, orbit: PlanarOrbit) -> Array:
        """Return the surface density at the places and times of an orbit, with bar and spirals."""
        R, phi, t = orbit.R_kpc, np.radians(orbit.phi_deg), orbit.time_kpc_kms
        if R.min() < R_LIMITS_KPC[0] or R.max() > R_LIMITS_KPC[1]:
            raise DiscatlasError(
                f"surface density: the orbit reaches from {R.min():.2f} to {R.max():.2f} kpc; expected {R_LIMITS_KPC[0]:g} to {R_LIMITS_KPC[1]:g} kpc"
            )
        total = self.axisymmetric(R)
        for m, pattern, (low, high), table in self._modes:
            value = np.interp(R, self._R, table.real) + 1j * np.interp(R, self._R, table.imag)
            wave = np.real(value * np.exp(1j * m * (phi - pattern.Omega_kms_kpc * t)))
            total = total + pattern.growth(t) * wave * ((low <= R) & (high >= R))
        return total


def _over_height(mode: Spiral, R_kpc: Array) -> NDArray[np.complex128]:
    """Return C(R) times the integral of sech^beta(u Z / beta) over all heights [kpc (km/s)^2]."""
    u = mode.wave_number(R_kpc)
    b = u * mode.h_kpc * (1 + 0.4 * u * mode.h_kpc)
    return mode.amplitude(R_kpc)[0] * b / u * beta_function(b / 2, 0.5)


def extremes(time: Array, values: Array) -> tuple[Array, Array]:
    """Return the times of the minima and of the maxima of a series, by the parabola through three rows."""
    middle, left, right = values[1:-1], values[:-2], values[2:]
    curvature = left - 2 * middle + right
    with np.errstate(divide="ignore", invalid="ignore"):
        times = time[1:-1] + 0.5 * (time[2:] - time[1:-1]) * (left - right) / curvature
    return times[(middle <= left) & (middle < right)], times[(middle >= left) & (middle > right)]


def around_today(times: Array) -> float:
    """Return the time between the last event before today and the first after it; NaN if one is missing."""
    before, after = times[times <= 0], times[times > 0]
    return float(after.min() - before.max()) if before.size and after.size else np.nan


def follow(
    plane: PlaneProfile, perturbation: Perturbation, sun: Sun, times_kpc_kms: Array
) -> tuple[PlanarOrbit, PlanarOrbit]:
    """Return the Sun's orbit in the axisymmetric and in the barred potential at growing times of which one is 0."""
    start = sun_in_plane(sun)
    axisymmetric = ForceTables.build(plane, Perturbation(None, ()))
    barred = ForceTables.build(plane, perturbation)
    return planar_orbit(axisymmetric, *start, times_kpc_kms), planar_orbit(barred, *start, times_kpc_kms)
