"""The free parameters of spiral modes, and of the bar, as one vector.

Of each mode m: ``amplitude_{m}_percent`` of |Phi_0(R0)| (that of the potential at R0), ``pitch_{m}_deg``, ``phase_{m}_deg``
(azimuth of a minimum of the potential at R0 today; m of them are alike, so it runs over 360/m degrees) and
``Omega_{m}_kms_kpc``. The amplitude of a second mode is tied to the first one's by the relation of Hamilton (2024) or
free. As an option ``Omega_bar_kms_kpc`` and ``bar_factor``, which multiplies the amplitude of every mode of the bar.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.cut_offs import CUT_OFFS, spiral_limits
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.modes import Perturbation, Spiral
from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
SECOND_AMPLITUDES = ("hamilton2024", "free")
BAR_PARAMETERS = ("Omega_bar_kms_kpc", "bar_factor")
PER_MODE = ("amplitude_percent", "pitch_deg", "phase_deg", "Omega_kms_kpc")
SPIRAL_DEFAULTS = {"h_kpc": 0.13, "turns": 1.0, "vertical": "cox_gomez2002"}


@dataclass(frozen=True)
class Parameter:
    """One component of the vector: its bounds, and its period where it is an angle."""

    name: str
    unit: str
    lower: float
    upper: float
    period: float | None = None


@dataclass(frozen=True)
class SpiralParameters:
    """What the components of a vector mean, and everything else that a model needs.

    Parameters
    ----------
    modes : tuple of int
        Numbers of arms, one or two; the second is the one that may be tied.
    parameters : tuple of Parameter
        The components, in order.
    base : mapping
        A model's spec (see `discatlas.dynamics.backward.BarredModel.from_spec`); its bar is kept, its spirals are replaced.
    R0_kpc : float
        Radius of amplitude and phase.
    second_amplitude, cut_offs : str
        One of `SECOND_AMPLITUDES`, one of `discatlas.bar_spirals.cut_offs.CUT_OFFS`.
    constants : mapping
        ``h_kpc``, ``turns`` and ``vertical`` of the modes.
    """

    modes: tuple[int, ...]
    parameters: tuple[Parameter, ...]
    base: Mapping[str, Any]
    R0_kpc: float
    second_amplitude: str = "hamilton2024"
    cut_offs: str = "resonances"
    constants: Mapping[str, Any] = field(default_factory=lambda: dict(SPIRAL_DEFAULTS))

    @classmethod
    def from_config(
        cls,
        bounds: Mapping[str, Sequence[float]],
        base: Mapping[str, Any],
        R0_kpc: float,
        *,
        second_amplitude: str = "hamilton2024",
        cut_offs: str = "resonances",
        constants: Mapping[str, Any] | None = None,
    ) -> Self:
        """Build from the bounds by name, in the order of the vector; the modes are those that the names mention.

        Raises
        ------
        DiscatlasError
            For an unknown, missing or superfluous name, bounds out of order, or an unknown option.
        """
        for what, got, known in (
            ("second_amplitude", second_amplitude, SECOND_AMPLITUDES),
            ("cut_offs", cut_offs, CUT_OFFS),
        ):
            if got not in known:
                raise DiscatlasError(
                    f"spiral modes: {what} is {got!r}{nearest(str(got), known)}; expected {' or '.join(known)}"
                )
        modes = tuple(dict.fromkeys(int(name.split("_")[1]) for name in bounds if name.split("_")[1].isdigit()))
        expected = parameter_names(modes, second_amplitude)
        if unknown := [name for name in bounds if name not in (*expected, *BAR_PARAMETERS)]:
            raise DiscatlasError(
                f"spiral modes: unknown parameter {unknown[0]!r}{nearest(unknown[0], (*expected, *BAR_PARAMETERS))}"
            )
        if missing := [name for name in expected if name not in bounds]:
            raise DiscatlasError(f"spiral modes: bounds of {missing[0]!r} are missing")
        if not base.get("bar") and any(name in bounds for name in BAR_PARAMETERS):
            raise DiscatlasError("spiral modes: the model has no bar, so its parameters cannot be free")
        names = [*expected, *(name for name in BAR_PARAMETERS if name in bounds)]
        chosen = tuple(_parameter(name, *bounds[name]) for name in names)
        kept = dict(SPIRAL_DEFAULTS) | dict(constants or {})
        return cls(modes, chosen, base, float(R0_kpc), second_amplitude, cut_offs, kept)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def lower(self) -> Array:
        """Lower bounds, shape (k,)."""
        return np.array([parameter.lower for parameter in self.parameters])

    @property
    def upper(self) -> Array:
        """Upper bounds, shape (k,)."""
        return np.array([parameter.upper for parameter in self.parameters])

    @property
    def periods(self) -> Array:
        """Periods of the angles, infinite for what is none; shape (k,)."""
        return np.array([parameter.period or np.inf for parameter in self.parameters])

    def canonical(self, vectors: Array) -> Array:
        """Return vectors (..., k) with every angle brought to its own period above its lower bound."""
        result = np.array(vectors, float)
        for i, parameter in enumerate(self.parameters):
            if parameter.period:
                result[..., i] = parameter.lower + np.mod(result[..., i] - parameter.lower, parameter.period)
        return result

    def spec(self, vector: Array, plane: PlaneProfile) -> dict[str, Any]:
        """Return the spec of the model of one vector: the base with this bar and these spirals, as config entries.

        Raises
        ------
        DiscatlasError
            For a vector of the wrong length, and a mode without a range.
        """
        values = self._values(vector)
        bar = _bar_entry(self.base.get("bar"), values)
        speed = None if bar is None else float(bar["Omega_kms_kpc"])
        entries = []
        for m in self.modes:
            entry = self._entry(m, values, plane)
            low, high = spiral_limits(plane, entry["Omega_kms_kpc"], m, speed, self.cut_offs)
            entries.append(entry | {"R_limits_kpc": [low, high if np.isfinite(high) else None]})
        if self._is_tied:
            factor = hamilton_factor(*entries)
            entries[1]["K_km2_s2"] = entries[0]["K_km2_s2"] * factor
        spec = dict(self.base) | {"bar": bar, "spirals": entries}
        return spec | {"integration_kpc_kms": integration_time(spec)}

    def perturbation(self, vector: Array, plane: PlaneProfile) -> Perturbation:
        """Return the perturbation of one vector; errors as in `spec`."""
        spec = self.spec(vector, plane)
        return Perturbation.from_config(spec["bar"], spec["spirals"])

    def vector(self, spec: Mapping[str, Any], plane: PlaneProfile) -> Array:
        """Return the vector of a spec, the inverse of `spec` but for cut-offs and a tied amplitude, which are derived.

        Raises
        ------
        DiscatlasError
            If the spec lacks one of the modes.
        """
        spirals = {int(entry["m"]): entry for entry in spec["spirals"]}
        if missing := [m for m in self.modes if m not in spirals]:
            raise DiscatlasError(f"spiral modes: the model has no mode m = {missing[0]}; it has {sorted(spirals)}")
        values = {}
        for m in self.modes:
            values |= {f"{key.replace('_', f'_{m}_', 1)}": spirals[m].get(key) for key in PER_MODE[1:]}
            values[f"amplitude_{m}_percent"] = 100 * self._unit(spirals[m], plane) * spirals[m]["K_km2_s2"]
        if spec.get("bar"):
            values["Omega_bar_kms_kpc"] = spec["bar"]["Omega_kms_kpc"]
            base, given = self.base["bar"]["modes"], spec["bar"]["modes"]
            values["bar_factor"] = given[0]["K"] / base[0]["K"]
        return self.canonical(np.array([values[name] for name in self.names], float))

    @property
    def _is_tied(self) -> bool:
        return len(self.modes) == 2 and self.second_amplitude == "hamilton2024"

    def _values(self, vector: Array) -> dict[str, float]:
        if np.shape(vector) != (len(self.parameters),):
            raise DiscatlasError(
                f"spiral modes: a vector of shape {np.shape(vector)}; expected ({len(self.parameters)},): {', '.join(self.names)}"
            )
        return dict(zip(self.names, self.canonical(vector).tolist(), strict=True))

    def _unit(self, entry: Mapping[str, Any], plane: PlaneProfile) -> float:
        """Return the amplitude at R0 as a share of |Phi_0(R0)| of a mode of K = 1."""
        one = Spiral.from_config(dict(entry) | {"K_km2_s2": 1.0, "R_limits_kpc": [None, None]})
        return float(np.abs(one.amplitude(self.R0_kpc)[0]) / np.abs(plane.potential(self.R0_kpc)))

    def _entry(self, m: int, values: Mapping[str, float], plane: PlaneProfile) -> dict[str, Any]:
        """Return the config entry of one mode, without limits; a tied mode has K = 1."""
        entry = {
            "m": m,
            "K_km2_s2": 1.0,
            "pitch_deg": values[f"pitch_{m}_deg"],
            "phase_deg": values[f"phase_{m}_deg"],
            "R0_kpc": self.R0_kpc,
            "Omega_kms_kpc": values[f"Omega_{m}_kms_kpc"],
            "source": "fitted",
        } | dict(self.constants)
        amplitude = values.get(f"amplitude_{m}_percent")
        if amplitude is not None:
            entry["K_km2_s2"] = amplitude / 100 / self._unit(entry, plane)
        return entry


def integration_time(spec: Mapping[str, Any]) -> float:
    """Return how long a model of this spec is to be integrated [kpc/(km/s)]: as it says, but until no mode is left.

    Raises
    ------
    DiscatlasError
        If the spec states no time and nothing in it grew.
    """
    life = Perturbation.from_config(spec["bar"], spec["spirals"]).life_kpc_kms
    duration = max(float(spec.get("integration_kpc_kms") or 0.0), life)
    if not duration > 0:
        raise DiscatlasError("barred model: integration_kpc_kms is null and nothing in it grew; state a time")
    return duration


def parameter_names(modes: Sequence[int], second_amplitude: str) -> list[str]:
    """Return the names of the components of these modes, in order.

    Raises
    ------
    DiscatlasError
        For no mode, more than two, or one twice.
    """
    if not 1 <= len(modes) <= 2 or len(set(modes)) != len(modes) or min(modes) < 1:
        raise DiscatlasError(f"spiral modes: got m = {list(modes)}; expected one or two different numbers of arms")
    names = []
    for number, m in enumerate(modes):
        tied = number == 1 and second_amplitude == "hamilton2024"
        names += [key.replace("_", f"_{m}_", 1) for key in PER_MODE if not (tied and key == "amplitude_percent")]
    return names


def hamilton_factor(first: Mapping[str, Any], second: Mapping[str, Any]) -> float:
    """Return K_second / K_first = (Omega_1/Omega_2)^2 tan p_1 / tan p_2 of two entries (Hamilton 2024)."""
    tangents = [np.tan(np.radians(entry["pitch_deg"])) for entry in (first, second)]
    return float((first["Omega_kms_kpc"] / second["Omega_kms_kpc"]) ** 2 * tangents[0] / tangents[1])


def default_bounds(modes: Sequence[int], second_amplitude: str, Omega_bar_kms_kpc: float) -> dict[str, list[float]]:
    """Return the published bounds by name: amplitude up to 0.2 %, pitch angle 6 to 30 degrees, any phase, speeds from 10 km/s/kpc to the bar's.

    In a fit of two modes one of two arms has at most 14 km/s/kpc (Khalil et al. 2025, Sect. 4.2).
    """
    bounds = {}
    for name in parameter_names(modes, second_amplitude):
        kind, m = name.split("_")[0], int(name.split("_")[1])
        fastest = 14.0 if m == 2 and len(modes) == 2 else Omega_bar_kms_kpc
        of = {"amplitude": [0.0, 0.2], "pitch": [6.0, 30.0], "phase": [0.0, 360.0 / m], "Omega": [10.0, fastest]}
        bounds[name] = of[kind]
    return bounds


def _parameter(name: str, lower: float, upper: float) -> Parameter:
    """Return one component; an angle has at most one period."""
    kind, m = name.split("_", maxsplit=1)[0], name.split("_")[1]
    unit = {"amplitude": "percent", "pitch": "deg", "phase": "deg", "Omega": "km / (s kpc)"}.get(kind, "")
    period = 360.0 / int(m) if kind == "phase" else None
    lower, upper = float(lower), float(upper)
    if not (np.isfinite([lower, upper]).all() and lower < upper):
        raise DiscatlasError(
            f"spiral modes: bounds of {name!r} are {[lower, upper]}; expected a lower below an upper one"
        )
    if kind in ("amplitude", "bar") and lower < 0:
        raise DiscatlasError(f"spiral modes: lower bound of {name!r} is {lower:g}; expected zero or more")
    if kind == "pitch" and not (lower > 0 and upper < 90):
        raise DiscatlasError(f"spiral modes: bounds of {name!r} are {[lower, upper]}; expected angles between 0 and 90")
    if kind == "Omega" and not lower > 0:
        raise DiscatlasError(f"spiral modes: lower bound of {name!r} is {lower:g}; expected a positive pattern speed")
    if period and upper - lower >= period:
        return Parameter(name, unit, lower, lower + period, period)
    return Parameter(name, unit, lower, upper, None)


def _bar_entry(bar: Mapping[str, Any] | None, values: Mapping[str, float]) -> dict[str, Any] | None:
    """Return the bar's entry with its free parameters; the time since its birth stays that of the base."""
    if not bar:
        return None
    factor, speed = values.get("bar_factor", 1.0), values.get("Omega_bar_kms_kpc", bar["Omega_kms_kpc"])
    modes = [dict(mode) | {"K": mode["K"] * factor} for mode in bar["modes"]]
    turns = bar["turns"] * speed / bar["Omega_kms_kpc"]
    return dict(bar) | {"modes": modes, "Omega_kms_kpc": speed, "turns": turns}
