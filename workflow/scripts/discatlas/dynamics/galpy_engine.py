"""The potential by galpy: its double-exponential discs and its actions, and exact quadrature for the spheroids.

galpy's discs sum a Bessel integral at fixed nodes (Ogata 2005). With the nodes that galpy takes by default, that is exact to
rounding at R > 0.5 h_R; the force is wrong by some per cent at 0.03 h_R, and everything by its whole size at 0.005 h_R. So here
the nodes get denser toward the centre. Seven in ten of galpy's default nodes carry no weight and are left out. galpy takes one
point at a time, 40 microseconds each, and gains nothing from threads.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.constants import G_KPC_KMS2_MSUN
from discatlas.dynamics.density import DensityModel, Disc
from discatlas.dynamics.engine import Engine
from discatlas.dynamics.spheroids import SpheroidField
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]

BESSEL_STEP = 1e-3  # galpy's default
BESSEL_REACH = 3.0  # the product of step and number of nodes beyond which the weights are zero
BESSEL_RESOLUTION = 120.0  # R / h_R over the step that is exact to 1e-8
BESSEL_HALVINGS = 8  # of the step toward the centre
GALPY_SETTINGS = """\
[normalization]
ro = 8.
vo = 220.
[astropy]
astropy-units = False
astropy-coords = True
[plot]
seaborn-bovy-defaults = False
[warnings]
verbose = False
[version-check]
do-check = False
check-non-interactive = False
check-non-interactive-every = 1
last-non-interactive-check = 2000-01-01
"""
FOCUS_HEIGHT_KPC, FOCUS_MIN_KPC = 0.05, 1e-3  # the focal distance of orbits in the plane is taken at this height


def import_galpy() -> ModuleType:
    """Return galpy.potential, imported without galpy's side effects.

    On import galpy writes a file into the home directory, asks the network for a newer version, and replaces the function that
    shows warnings. It gets a home of its own for the moment, with settings that ask nothing.

    Raises
    ------
    DiscatlasError
        If galpy is not installed.
    """
    if find_spec("galpy") is None:
        raise DiscatlasError(
            "engine 'galpy' is not installed: install it (pip install galpy, or conda-forge's galpy), or name the engine 'agama'"
        )
    with warnings.catch_warnings(), _home_with(".galpyrc", GALPY_SETTINGS):
        import galpy
    import galpy.potential

    return galpy.potential


@contextmanager
def _home_with(name: str, text: str) -> Iterator[None]:
    variables = {key: os.environ.get(key) for key in ("HOME", "USERPROFILE")}
    with TemporaryDirectory() as home:
        Path(home, name).write_text(text, encoding="utf-8")
        os.environ |= dict.fromkeys(variables, home)
        try:
            yield
        finally:
            for key, value in variables.items():
                del os.environ[key]
                if value is not None:
                    os.environ[key] = value


class DiscField:
    """Potential and derivatives of one double-exponential disc, with as dense nodes as each radius needs."""

    def __init__(self, disc: Disc, galpy_potential: ModuleType) -> None:
        self._disc, self._galpy = disc, galpy_potential
        self._levels: dict[int, Any] = {}
        self.R_min_kpc = BESSEL_RESOLUTION * disc.h_R_kpc * BESSEL_STEP / 2**BESSEL_HALVINGS

    def _level(self, halvings: int) -> Any:  # noqa: ANN401
        if halvings not in self._levels:
            step = BESSEL_STEP / 2**halvings
            amplitude = G_KPC_KMS2_MSUN * self._disc.Sigma0_msun_kpc2 / (2 * self._disc.h_Z_kpc)
            with np.errstate(all="ignore"):  # nodes of no weight overflow
                self._levels[halvings] = self._galpy.DoubleExponentialDiskPotential(
                    amp=amplitude,
                    hr=self._disc.h_R_kpc,
                    hz=self._disc.h_Z_kpc,
                    de_h=step,
                    de_n=round(BESSEL_REACH / step),
                )
        return self._levels[halvings]

    def levels(self, R: Array) -> list[Any]:
        """Return galpy's potential that suits each radius.

        Raises
        ------
        DiscatlasError
            For a radius too near to the centre.
        """
        if R.size and R.min() < self.R_min_kpc:
            raise DiscatlasError(
                f"engine 'galpy': R is {R.min():g} kpc, but a disc of scale length {self._disc.h_R_kpc:g} kpc is resolved at {self.R_min_kpc:g} kpc and beyond"
            )
        needed = np.log2(BESSEL_RESOLUTION * self._disc.h_R_kpc * BESSEL_STEP / R)
        return [self._level(max(0, int(halvings))) for halvings in np.ceil(needed)]


def _disc_potential(disc: Any, R: float, Z: float) -> tuple[float]:  # noqa: ANN401
    return (disc(R, Z),)


def _disc_gradient(disc: Any, R: float, Z: float) -> tuple[float, float]:  # noqa: ANN401
    return -disc.Rforce(R, Z), -disc.zforce(R, Z)


def _disc_hessian(disc: Any, R: float, Z: float) -> tuple[float, float, float]:  # noqa: ANN401
    return disc.R2deriv(R, Z), disc.z2deriv(R, Z), disc.Rzderiv(R, Z)


def _disc_mixed(disc: Any, R: float, Z: float) -> tuple[float]:  # noqa: ANN401
    return (disc.Rzderiv(R, Z),)


class GalpyEngine(Engine):
    """The engine that can be installed everywhere; see the module for what is galpy's in it. Actions take 20 ms a star."""

    name = "galpy"

    def __init__(self, model: DensityModel, threads: int = 1) -> None:
        super().__init__(model, threads)
        self._galpy = import_galpy()
        import galpy

        self.version = galpy.__version__
        self._discs = [DiscField(disc, self._galpy) for disc in model.discs]
        self._spheroids = [SpheroidField(spheroid) for spheroid in model.spheroids]

    def _potential(self, R: Array, Z: Array) -> Array:
        discs = self._of_discs(_disc_potential, R, Z, 1)[0]
        return discs + sum(spheroid.potential(R, Z) for spheroid in self._spheroids)

    def _gradient(self, R: Array, Z: Array) -> Array:
        return self._of_discs(_disc_gradient, R, Z, 2) + sum(spheroid.gradient(R, Z) for spheroid in self._spheroids)

    def _hessian(self, R: Array, Z: Array) -> Array:
        return self._of_discs(_disc_hessian, R, Z, 3) + sum(spheroid.hessian(R, Z) for spheroid in self._spheroids)

    def _mixed(self, R: Array, Z: Array) -> Array:
        return self._of_discs(_disc_mixed, R, Z, 1)[0] + sum(spheroid.hessian(R, Z)[2] for spheroid in self._spheroids)

    def _of_discs(self, quantity: Callable[..., tuple[float, ...]], R: Array, Z: Array, n: int) -> Array:
        """Return the sum over the discs, shape (n, R.size); galpy takes one point at a time."""
        total = np.zeros((n, R.size))
        points = list(zip(R.tolist(), Z.tolist(), strict=True))
        with np.errstate(all="ignore"):  # as in DiscField
            for disc in self._discs:
                values = [quantity(level, *point) for level, point in zip(disc.levels(R), points, strict=True)]
                total += np.reshape(values, (R.size, n)).T
        return total

    def _actions(self, points: Array) -> Array:
        R, Z, v_R, v_Z, v_phi = points
        is_bound = self._potential(R, Z) + 0.5 * (v_R**2 + v_Z**2 + v_phi**2) < 0
        actions = np.stack([np.full_like(R, np.nan), np.full_like(R, np.nan), R * v_phi])
        focus = self._focal_distance(R, Z)
        for i in np.flatnonzero(is_bound):
            point = (float(value) for value in points[:, i][[0, 2, 4, 1, 3]])
            actions[[0, 2, 1], i] = np.ravel(self._staeckel(*point, delta=float(focus[i]), fixed_quad=True))
        return actions

    def _focal_distance(self, R: Array, Z: Array) -> Array:
        """Return the focal distance [kpc] that suits the potential at each point (Sanders 2012, Eq. 9, its sign corrected)."""
        Z = np.maximum(np.abs(Z), FOCUS_HEIGHT_KPC)
        d_R, d_Z = self._gradient(R, Z)
        d_RR, d_ZZ, d_RZ = self._hessian(R, Z)
        square = Z**2 - R**2 + (3 * Z * d_R - 3 * R * d_Z + R * Z * (d_RR - d_ZZ)) / d_RZ
        return np.sqrt(np.maximum(square, FOCUS_MIN_KPC**2))

    @cached_property
    def _staeckel(self) -> Any:  # noqa: ANN401
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "libgalpy_actionAngleTorus")  # wheels come without tori
            from galpy.actionAngle import actionAngleStaeckel

        class WholePotential(self._galpy.Potential):
            """The sum of the components as galpy sees it; the actions ask for the potential alone."""

            def _evaluate(whole, R: Array, z: Array, phi: float = 0.0, t: float = 0.0) -> Array:  # noqa: ARG002, N805
                return self.potential(R, z)

        return actionAngleStaeckel(pot=WholePotential(), delta=1.0, c=False)
