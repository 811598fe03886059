"""Densities of the axisymmetric components of the Galaxy: double-exponential discs and cut-off spheroids.

    disc       rho = Sigma0 / (2 h_Z) exp(-R / h_R - |Z| / h_Z)
    spheroid   rho = rho0 (m/a)^-gamma (1 + m/a)^(gamma - beta) exp(-(m/r_cut)^alpha),  m^2 = R^2 + Z^2/q^2

as in Khalil et al. 2025 (Appendix A). A spheroid without a cut has an infinite r_cut_kpc (null in a config).
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
POSITIVE = ("Sigma0_msun_kpc2", "h_R_kpc", "h_Z_kpc", "rho0_msun_kpc3", "a_kpc", "alpha", "q")


@dataclass(frozen=True)
class Disc:
    """A double-exponential disc: face-on surface density at the centre, scale length and scale height."""

    Sigma0_msun_kpc2: float
    h_R_kpc: float
    h_Z_kpc: float

    def __post_init__(self) -> None:
        _check_numbers(self)

    def density(self, R_kpc: Array, Z_kpc: Array) -> Array:
        """Return the density [solar masses / kpc^3]."""
        exponent = -np.asarray(R_kpc) / self.h_R_kpc - np.abs(Z_kpc) / self.h_Z_kpc
        return self.Sigma0_msun_kpc2 / (2 * self.h_Z_kpc) * np.exp(exponent)


@dataclass(frozen=True)
class Spheroid:
    """A double power law with an exponential cut, stratified on spheroids of axis ratio q (below 1: oblate)."""

    rho0_msun_kpc3: float
    a_kpc: float
    gamma: float
    beta: float
    r_cut_kpc: float
    alpha: float
    q: float

    def __post_init__(self) -> None:
        _check_numbers(self)
        if self.gamma >= 3:
            raise DiscatlasError(f"gamma is {self.gamma:g}; expected less than 3 (its centre has infinite mass)")
        if not self.r_cut_kpc > 0:
            raise DiscatlasError(f"r_cut_kpc is {self.r_cut_kpc:g}; expected a positive number, or null for no cut")
        if math.isinf(self.r_cut_kpc) and self.beta <= 3:
            raise DiscatlasError(
                f"beta is {self.beta:g} without a cut; expected more than 3, or a finite r_cut_kpc (its mass is infinite)"
            )

    def log_profile(self, log_m: Array) -> Array:
        """Return ln of the density [solar masses / kpc^3] at ln of the spheroidal radius m [kpc]."""
        log_x = np.asarray(log_m) - math.log(self.a_kpc)
        power = (self.gamma - self.beta) * np.logaddexp(0.0, log_x) - self.gamma * log_x
        return math.log(self.rho0_msun_kpc3) + power - self._cut(log_m)

    def log_slope(self, log_m: Array) -> Array:
        """Return dln(rho)/dln(m) at ln of the spheroidal radius m [kpc]."""
        log_x = np.asarray(log_m) - math.log(self.a_kpc)
        power = (self.gamma - self.beta) / (1 + np.exp(-log_x)) - self.gamma
        return power - self.alpha * self._cut(log_m)

    def _cut(self, log_m: Array) -> Array:
        if math.isinf(self.r_cut_kpc):
            return np.zeros_like(log_m, dtype=float)
        return np.exp(self.alpha * (np.asarray(log_m) - math.log(self.r_cut_kpc)))

    def density(self, R_kpc: Array, Z_kpc: Array) -> Array:
        """Return the density [solar masses / kpc^3]; infinite at the centre of a cusp."""
        with np.errstate(divide="ignore", over="ignore"):
            return np.exp(self.log_profile(np.log(np.hypot(R_kpc, np.asarray(Z_kpc) / self.q))))


@dataclass(frozen=True)
class DensityModel:
    """The components of an axisymmetric model and where their numbers are from."""

    discs: tuple[Disc, ...]
    spheroids: tuple[Spheroid, ...]
    source: str

    def __post_init__(self) -> None:
        if not self.discs and not self.spheroids:
            raise DiscatlasError("potential: got no component; expected at least one entry under discs or spheroids")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the model from a config mapping with exactly the keys discs and spheroids (lists) and source.

        Raises
        ------
        DiscatlasError
            For a missing or unknown key, or a component that has no potential: in one line, with the offending value.
        """
        _check_keys("potential", config, ("discs", "spheroids", "source"))
        discs = [_component(Disc, f"discs[{i}]", entry) for i, entry in enumerate(config["discs"] or ())]
        spheroids = [
            _component(Spheroid, f"spheroids[{i}]", entry) for i, entry in enumerate(config["spheroids"] or ())
        ]
        return cls(tuple(discs), tuple(spheroids), str(config["source"]))

    def as_dict(self) -> dict[str, Any]:
        """Return the model as plain values, for provenance; `from_config` takes it back."""
        spheroids = [asdict(spheroid) for spheroid in self.spheroids]
        for entry in spheroids:
            entry["r_cut_kpc"] = None if math.isinf(entry["r_cut_kpc"]) else entry["r_cut_kpc"]
        return {"discs": [asdict(disc) for disc in self.discs], "spheroids": spheroids, "source": self.source}

    def density(self, R_kpc: Array, Z_kpc: Array) -> Array:
        """Return the density of all components [solar masses / kpc^3] at R and Z, broadcast against each other."""
        return sum(component.density(R_kpc, Z_kpc) for component in (*self.discs, *self.spheroids))


Component = TypeVar("Component", Disc, Spheroid)


def _check_numbers(component: Disc | Spheroid) -> None:
    for name, value in asdict(component).items():
        if name in POSITIVE and not (math.isfinite(value) and value > 0):
            raise DiscatlasError(f"{name} is {value:g}; expected a positive number")
        if math.isnan(value) or (math.isinf(value) and name != "r_cut_kpc"):
            raise DiscatlasError(f"{name} is {value:g}; expected a finite number")


def _check_keys(where: str, config: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if not isinstance(config, Mapping):
        raise DiscatlasError(f"{where}: got {config!r}; expected the keys {', '.join(known)}")
    for key in config:
        if key not in known:
            raise DiscatlasError(f"{where}: unknown key {key!r}{nearest(str(key), known)}; expected {', '.join(known)}")
    for key in known:
        if key not in config:
            raise DiscatlasError(f"{where}: key {key!r} is missing; expected {', '.join(known)}")


def _component(kind: type[Component], where: str, entry: Mapping[str, Any]) -> Component:
    _check_keys(f"potential: {where}", entry, tuple(field.name for field in fields(kind)))
    values = {}
    for name, value in entry.items():
        try:
            values[name] = math.inf if value is None and name == "r_cut_kpc" else float(value)
        except (TypeError, ValueError):
            raise DiscatlasError(f"potential: {where}: {name} is {value!r}; expected a number") from None
    try:
        return kind(**values)
    except DiscatlasError as error:
        raise DiscatlasError(f"potential: {where}: {error}") from None
