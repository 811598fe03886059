"""The potential by AGAMA (Vasiliev 2019); nothing else imports it, because its units are global to the process.

Each component has its own potential and the values are summed: components handed to AGAMA together share one expansion, which
changes v_c by 1e-5. AGAMA's disc is a thin-disc ansatz plus a multipole expansion of the rest (Kuijken & Dubinski 1995; Dehnen &
Binney 1998): on the discs of Khalil et al. 2025 it is off by 3e-4 to 1e-3 of their potential and by about as much of their forces, so the
whole is off by 1e-4, and by up to 5e-3 in its second derivative in Z. Its spheroids are right to 1e-6.
"""

import math
from collections.abc import Callable
from functools import cache, cached_property
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.density import DensityModel, Disc, Spheroid
from discatlas.dynamics.engine import ORBIT_TOLERANCE, Engine
from discatlas.dynamics.logarithmic import Logarithmic
from discatlas.dynamics.modes import RotatingMode
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
MODE_GRID = {"Rmin": 0.1, "Rmax": 80.0, "gridSizeR": 520, "zmin": 0.25, "zmax": 10.0, "gridSizeZ": 8}  # [kpc]
N_GROWTH = 401  # knots of a mode's growth
PARTICLE_TOLERANCE = 1e-8  # relative, per step, of many particles


@cache
def import_agama() -> ModuleType:
    """Return AGAMA, set to kpc, km/s and solar masses.

    Raises
    ------
    DiscatlasError
        If AGAMA is not installed.
    """
    try:
        agama = import_module("agama")
    except ImportError as error:
        raise DiscatlasError(
            f"engine 'agama' is not installed ({error}): compile it from its source (github: GalacticDynamics-Oxford/Agama; needs a C++ compiler and GSL), or name the engine 'galpy'"
        ) from None
    agama.setUnits(mass=1, length=1, velocity=1)
    return agama


def _component(agama: ModuleType, component: Disc | Spheroid) -> Any:  # noqa: ANN401
    try:
        return agama.Potential(**_parameters(component))
    except RuntimeError as error:
        raise DiscatlasError(f"engine 'agama': {component}: {error}") from None


def _parameters(component: Disc | Spheroid) -> dict[str, Any]:
    if isinstance(component, Disc):
        return {
            "type": "Disk",
            "surfaceDensity": component.Sigma0_msun_kpc2,
            "scaleRadius": component.h_R_kpc,
            "scaleHeight": component.h_Z_kpc,
        }
    shape = {
        "type": "Spheroid",
        "densityNorm": component.rho0_msun_kpc3,
        "scaleRadius": component.a_kpc,
        "gamma": component.gamma,
        "beta": component.beta,
        "alpha": 1,  # AGAMA's alpha is the sharpness of the knee
        "axisRatioZ": component.q,
    }
    if math.isinf(component.r_cut_kpc):
        return shape
    return shape | {"outerCutoffRadius": component.r_cut_kpc, "cutoffStrength": component.alpha}


class AgamaEngine(Engine):
    """AGAMA as an engine: fast, with Staeckel actions of many stars and its own orbit integrator."""

    name = "agama"

    def __init__(self, model: DensityModel, threads: int = 1) -> None:
        super().__init__(model, threads)
        self._agama = import_agama()
        self.version = self._agama.__version__.split()[0]
        self._components = [_component(self._agama, component) for component in (*model.discs, *model.spheroids)]

    @cached_property
    def _whole(self) -> Any:  # noqa: ANN401
        return self._agama.Potential(*self._components)

    def _sum(self, R: Array, Z: Array, **wanted: bool) -> Array:
        points = np.column_stack([R, np.zeros_like(R), Z])
        with self._agama.setNumThreads(self.threads):
            return sum(component.eval(points, **wanted) for component in self._components)

    def _potential(self, R: Array, Z: Array) -> Array:
        return self._sum(R, Z, pot=True)

    def _gradient(self, R: Array, Z: Array) -> Array:
        return -self._sum(R, Z, acc=True).T[[0, 2]]

    def _hessian(self, R: Array, Z: Array) -> Array:
        return -self._sum(R, Z, der=True).T[[0, 2, 5]]  # of xx, yy, zz, xy, yz, zx

    def _actions(self, points: Array) -> Array:
        R, Z, v_R, v_Z, v_phi = points
        # AGAMA goes from x to y to z: counter-clockwise, as v_phi does here
        phase_space = np.column_stack([R, np.zeros_like(R), Z, v_R, v_phi, v_Z])
        with self._agama.setNumThreads(self.threads):
            return self._finder(phase_space).T

    @cached_property
    def _finder(self) -> Any:  # noqa: ANN401
        return self._agama.ActionFinder(self._whole)

    def _orbit(self, start: Array, times: Array) -> Array:
        orbit = self._agama.orbit(
            potential=self._whole,
            ic=start,
            timestart=times[0],
            time=times[-1] - times[0],
            accuracy=ORBIT_TOLERANCE,
            dtype=object,
            verbose=False,
        )
        return np.asarray(orbit(times))


def follow_in_mode(
    background: Logarithmic,
    mode: RotatingMode,
    position_kpc: Array,
    velocity_kms: Array,
    start_kpc_kms: float,
    end_kpc_kms: float,
) -> tuple[Array, Array]:
    """Return positions and velocities at the end time of particles in the plane of a logarithmic potential with one mode.

    The same as `orbits.integrate`, by AGAMA's integrator and interpolation (an azimuthal harmonic expansion); arguments are
    those of `integrate`, with X, Y, Z of shape (n, 3) at rest. A mode that grows must be born at the start or before.
    """
    agama, life, Omega = import_agama(), mode.pattern.life_kpc_kms, mode.pattern.Omega_kms_kpc
    born = -life if math.isfinite(life) else start_kpc_kms
    knots = np.linspace(born, -life / 2, N_GROWTH) if math.isfinite(life) else np.array([born, end_kpc_kms])
    steady = knots[-1] + np.array([1.0, 2.0])  # AGAMA goes on as between the last two
    growth = [[t, float(mode.pattern.growth(np.array(t))), 1.0] for t in (*knots, *steady)]
    turn = [[t, Omega * t] for t in (born, born + 1.0)]
    harmonic = agama.Potential(
        type="CylSpline", potential=_mode_function(mode), mmax=mode.m, symmetry="None", fixOrder=True, **MODE_GRID
    )
    whole = agama.Potential(
        agama.Potential(type="Logarithmic", v0=background.v_c_kms, scaleRadius=background.core_kpc),
        agama.Potential(potential=harmonic, scale=np.array(growth), rotation=np.array(turn)),
    )
    flip = np.array([-1.0, 1.0, 1.0])
    _, ends = agama.orbit(
        potential=whole,
        ic=np.hstack([position_kpc * flip, velocity_kms * flip]),
        timestart=start_kpc_kms,
        time=end_kpc_kms - start_kpc_kms,
        trajsize=1,
        accuracy=PARTICLE_TOLERANCE,
        dtype=float,
        separateTime=True,
        verbose=False,
    )
    ends = np.asarray(ends).reshape(-1, 6)
    return ends[:, :3] * flip, ends[:, 3:] * flip


def _mode_function(mode: RotatingMode) -> Callable[[Array], Array]:
    """Return the mode at t = 0 as AGAMA asks for it: of points of shape (n, 3), with some decline in height."""

    def function(points: Array) -> Array:
        x, y, z = np.atleast_2d(points).T
        R = np.maximum(np.hypot(x, y), 1e-6)
        value = np.real(mode.amplitude(R)[0] * np.exp(1j * mode.m * np.arctan2(y, x)))
        return np.nan_to_num(value) / np.cosh(np.minimum(np.abs(z), 100.0))

    return function
