"""The potential by AGAMA (Vasiliev 2019); nothing else imports it, because its units are global to the process.

Each component has its own potential and the values are summed: components handed to AGAMA together share one expansion, which
changes v_c by 1e-5. AGAMA's disc is a thin-disc ansatz plus a multipole expansion of the rest (Kuijken & Dubinski 1995; Dehnen &
Binney 1998): on the discs of Khalil et al. 2025 it is off by 3e-4 to 1e-3 of their potential and by about as much of their forces, so the
whole is off by 1e-4, and by up to 5e-3 in its second derivative in Z. Its spheroids are right to 1e-6.
"""

import math
from functools import cache, cached_property
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.density import DensityModel, Disc, Spheroid
from discatlas.dynamics.engine import ORBIT_TOLERANCE, Engine
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]


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
