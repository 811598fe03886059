"""One interface to the potential of an axisymmetric model, whichever engine computes it.

Units kpc, km/s, solar masses, kpc/(km/s). Potentials are zero at infinity and even in Z. `galpy` is exact to 1e-8 or better and
has wheels everywhere; `agama` (GALPOT discs and multipole expansions) is fast and right to a few 1e-4 of each disc.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from discatlas.dynamics.density import DensityModel
from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]

ENGINES = ("agama", "galpy")
ORBIT_TOLERANCE = 1e-10  # relative, per step


class Plane(NamedTuple):
    """The potential in the plane Z = 0: arrays of the shape of R."""

    Phi: Array  # [(km/s)^2]
    dPhi_dR: Array  # [(km/s)^2 / kpc]
    Omega: Array  # circular frequency [km/s/kpc]
    kappa: Array  # epicyclic frequency [km/s/kpc]
    nu: Array  # vertical frequency [km/s/kpc]


class Engine(ABC):
    """Potential, forces, actions and orbits of one density model.

    Arguments are arrays that broadcast against each other; results have the common shape. R must be positive.

    Parameters
    ----------
    model : DensityModel
        The components.
    threads : int
        Number of threads that an evaluation may use; the results do not depend on it.
    """

    name: str
    version: str

    def __init__(self, model: DensityModel, threads: int = 1) -> None:
        self.model, self.threads = model, threads

    @abstractmethod
    def _potential(self, R: Array, Z: Array) -> Array:
        """Return the potential at points of shape (n,)."""

    @abstractmethod
    def _gradient(self, R: Array, Z: Array) -> Array:
        """Return the derivatives in R and Z, shape (2, n)."""

    @abstractmethod
    def _hessian(self, R: Array, Z: Array) -> Array:
        """Return the derivatives in RR, ZZ and RZ, shape (3, n)."""

    @abstractmethod
    def _actions(self, points: Array) -> Array:
        """Return J_R, J_Z and J_phi, shape (3, n), of R, Z, v_R, v_Z, v_phi, shape (5, n)."""

    def _mixed(self, R: Array, Z: Array) -> Array:
        """Return the derivative in RZ alone, shape (n,)."""
        return self._hessian(R, Z)[2]

    def potential(self, R_kpc: ArrayLike, Z_kpc: ArrayLike) -> Array:
        """Return the potential [(km/s)^2]."""
        return _at_points(lambda R, Z: self._potential(R, Z)[None], R_kpc, Z_kpc)[0]

    def gradient(self, R_kpc: ArrayLike, Z_kpc: ArrayLike) -> tuple[Array, Array]:
        """Return dPhi/dR and dPhi/dZ [(km/s)^2 / kpc]."""
        return tuple(_at_points(self._gradient, R_kpc, Z_kpc))

    def hessian(self, R_kpc: ArrayLike, Z_kpc: ArrayLike) -> tuple[Array, Array, Array]:
        """Return the second derivatives of Phi in RR, ZZ and RZ [(km/s)^2 / kpc^2]."""
        return tuple(_at_points(self._hessian, R_kpc, Z_kpc))

    def mixed_derivative(self, R_kpc: ArrayLike, Z_kpc: ArrayLike) -> Array:
        """Return the last entry of `hessian` alone, which some engines have for less."""
        return _at_points(lambda R, Z: self._mixed(R, Z)[None], R_kpc, Z_kpc)[0]

    def plane(self, R_kpc: ArrayLike) -> Plane:
        """Return potential, force and frequencies in the plane.

        Raises
        ------
        DiscatlasError
            Where circular orbits are impossible or unstable: a force that is outward, or kappa^2 or nu^2 below zero.
        """
        R = np.asarray(R_kpc, dtype=float)
        dPhi_dR, _ = self.gradient(R, 0.0)
        d_RR, d_ZZ, _ = self.hessian(R, 0.0)
        squares = {"Omega": dPhi_dR / R, "kappa": d_RR + 3 * dPhi_dR / R, "nu": d_ZZ}
        for name, square in squares.items():
            if not np.all(square > 0):
                bad = R[~(square > 0)].flat[0]
                raise DiscatlasError(
                    f"potential: {name}^2 is {square[bad == R].flat[0]:g} (km/s/kpc)^2 at R = {bad:g} kpc; expected a positive number (no stable circular orbit)"
                )
        return Plane(self.potential(R, 0.0), dPhi_dR, *(np.sqrt(square) for square in squares.values()))

    def actions(
        self, R_kpc: ArrayLike, Z_kpc: ArrayLike, v_R_kms: ArrayLike, v_Z_kms: ArrayLike, v_phi_kms: ArrayLike
    ) -> tuple[Array, Array, Array]:
        """Return J_R, J_Z and J_phi = R v_phi [kpc km/s] in the Staeckel approximation; NaN J_R and J_Z if unbound.

        In the plane (Z = 0, v_Z = 0) the approximation is exact.
        """
        return tuple(
            _at_points(lambda *points: self._actions(np.stack(points)), R_kpc, Z_kpc, v_R_kms, v_Z_kms, v_phi_kms)
        )

    def orbit(self, position_kpc: ArrayLike, velocity_kms: ArrayLike, times_kpc_kms: ArrayLike) -> Array:
        """Return the orbit through a phase-space point, shape (n_times, 6): x, y, z, v_x, v_y, v_z.

        Parameters
        ----------
        position_kpc, velocity_kms : array, shape (3,)
            Where the orbit is at the first of the times, in Cartesian axes at rest with z the axis of symmetry.
        times_kpc_kms : array, shape (n_times,)
            Growing or falling.
        """
        start, times = (
            np.concatenate([np.asarray(position_kpc, float), np.asarray(velocity_kms, float)]),
            np.asarray(times_kpc_kms, float),
        )
        steps = np.diff(times)
        if start.shape != (6,) or times.ndim != 1 or not (np.all(steps > 0) or np.all(steps < 0)):
            raise DiscatlasError(
                f"orbit: got a phase-space point of {start.size} numbers and times of shape {times.shape}; expected 6 and a growing or falling row of times"
            )
        return self._orbit(start, times) if times.size > 1 else np.repeat(start[None], times.size, axis=0)

    def _orbit(self, start: Array, times: Array) -> Array:
        """Integrate with the eighth-order Dormand-Prince method; `times` has two entries at least."""

        def motion(_: float, state: Array) -> Array:
            x, y, z, *velocity = state
            R = np.hypot(x, y)
            d_R, d_Z = self.gradient(R, z)
            return np.array([*velocity, -d_R * x / R, -d_R * y / R, -d_Z])

        scale = ORBIT_TOLERANCE * np.repeat([1.0, 100.0], 3)  # absolute: 1 kpc and 100 km/s
        result = solve_ivp(motion, times[[0, -1]], start, "DOP853", t_eval=times, rtol=ORBIT_TOLERANCE, atol=scale)
        if not result.success:
            raise DiscatlasError(f"orbit: the integration stopped at t = {result.t[-1]:g} kpc/(km/s): {result.message}")
        return result.y.T


def open_engine(name: str, model: DensityModel, threads: int = 1) -> Engine:
    """Return the named engine of a model; no other is taken in its place.

    Raises
    ------
    DiscatlasError
        For an unknown name, or an engine that is not installed: says how to install it or which to name instead.
    """
    if name == "galpy":
        from discatlas.dynamics.galpy_engine import GalpyEngine

        return GalpyEngine(model, threads)
    if name == "agama":
        from discatlas.dynamics.agama_engine import AgamaEngine

        return AgamaEngine(model, threads)
    raise DiscatlasError(f"engine: got {name!r}{nearest(str(name), ENGINES)}; expected one of {', '.join(ENGINES)}")


def _at_points(work: Callable[..., Array], *coordinates: ArrayLike) -> Array:
    """Call `work` on flat arrays of the common shape and give its rows that shape; R comes first."""
    arrays = np.broadcast_arrays(*(np.asarray(coordinate, dtype=float) for coordinate in coordinates))
    flat = [np.ascontiguousarray(array.ravel()) for array in arrays]
    is_bad = ~(flat[0] > 0) | ~np.isfinite(flat).all(axis=0)
    if is_bad.any():
        point = ", ".join(f"{values[is_bad][0]:g}" for values in flat)
        raise DiscatlasError(f"potential: got the point ({point}); expected R > 0 and finite numbers")
    values = work(*flat)
    return values.reshape(values.shape[0], *arrays[0].shape)
