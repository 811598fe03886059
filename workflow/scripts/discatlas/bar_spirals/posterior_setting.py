"""The settings of a posterior of spiral modes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from discatlas.bar_spirals.likelihood import Floor
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError, nearest

ERRORS = ("stated", "scatter")
VARIED = (
    "second_amplitude", "max_contrast", "R_limits_kpc", "errors", "correlation_kpc", "floor_kernel", "floor_kms", "n_floor",
    "floor_length_kpc", "n_floor_length", "n_nodes",
)  # fmt: skip


@dataclass(frozen=True)
class PosteriorSettings:
    """All that the config says about a posterior.

    Parameters
    ----------
    second_amplitude : str or None
        ``free`` or ``hamilton2024``; None: that of the fit.
    bounds : mapping
        Limits of the flat priors by name of parameter, in place of the fit's; ``Omega_bar_kms_kpc`` and ``bar_factor`` are
        free where they are given.
    max_contrast : float or None
        Limit of the sum of the modes' contrasts of surface density at R0.
    R_limits_kpc : list of two float or None
        Radii of the cells that count; None: no limit.
    errors : str
        ``stated``: those of the map; ``scatter``: the scatter of the map from cell to cell (`map_noise`).
    correlation_kpc : float or None
        Length l of the correlation exp(-r^2/2 l^2) of the measurement errors; None: independent cells.
    floor_kernel, floor_kms, n_floor, floor_length_kpc, n_floor_length
        The misfit of the model (`likelihood.Floor`): kernel, limits and number of amplitudes and of lengths.
    n_nodes : int
        Cells at which models are evaluated.
    v_R_kms, v_phi_kms, accuracy
        Velocities, as first, last and step, and integration of the evaluations that the emulator learns from.
    full_v_R_kms, full_v_phi_kms, full_accuracy
        The same of the evaluations that it is held against.
    n_initial, box_share, box : int, float, mapping
        Models of the first design, the share of them in a box about the best fit, and the half-widths of the box by kind of
        parameter (``amplitude`` relative, ``pitch``, ``phase`` and ``Omega`` in their units, ``bar`` relative).
    n_rounds, n_per_round, temperature : int, int, float
        Rounds of learning at draws of the emulated posterior, models of each, and the power of the likelihood of half of
        them.
    target_rms_kms, target_shift : float
        Rounds end early where the emulator's error at draws that it has not seen is below the first, and no mean moved by
        more than the second, in units of the standard deviation.
    lost_kms, groups, n_subset
        Of `emulator.Emulator.train`.
    n_live_rounds, n_live, n_effective_min : int
        Live points of the nested sampling in the rounds and at the end, and the least number of effective draws.
    n_draws : int
        Equal-weight draws that are written.
    n_validation, n_predictive, n_interpolation : int
        Draws that are evaluated again as in the training, and in full; models of which all cells are evaluated.
    variants : mapping
        Other posteriors with the same emulator: by name, changes of some of `VARIED`; fewer `n_nodes` interpolate from some
        of the nodes alone.
    """

    second_amplitude: str | None
    bounds: Mapping[str, list[float]]
    max_contrast: float | None
    R_limits_kpc: list[float | None]
    errors: str
    correlation_kpc: float | None
    floor_kernel: str
    floor_kms: list[float]
    n_floor: int
    floor_length_kpc: list[float]
    n_floor_length: int
    n_nodes: int
    v_R_kms: list[float]
    v_phi_kms: list[float]
    accuracy: str | int
    full_v_R_kms: list[float]
    full_v_phi_kms: list[float]
    full_accuracy: str | int
    n_initial: int
    box_share: float
    box: Mapping[str, float]
    n_rounds: int
    n_per_round: int
    temperature: float
    target_rms_kms: float
    target_shift: float
    lost_kms: float
    groups: list[int]
    n_subset: int
    n_live_rounds: int
    n_live: int
    n_effective_min: int
    n_draws: int
    n_validation: int
    n_predictive: int
    n_interpolation: int
    variants: Mapping[str, Mapping[str, Any]]

    @classmethod
    def from_config(cls, config: Mapping[str, Any], where: str) -> Self:
        """Take the settings from a config entry; an unknown or missing key is a DiscatlasError that names `where`."""
        known = [field.name for field in fields(cls)]
        for key in config:
            if key not in known:
                raise DiscatlasError(f"{where}: unknown key {key!r}{nearest(key, known)}")
        if missing := [key for key in known if key not in config]:
            raise DiscatlasError(f"{where}: key {missing[0]!r} is missing")
        settings = cls(**config)
        settings._check(where)
        return settings

    def _check(self, where: str) -> None:
        if self.errors not in ERRORS:
            raise DiscatlasError(
                f"{where}.errors: got {self.errors!r}{nearest(str(self.errors), ERRORS)}; expected {' or '.join(ERRORS)}"
            )
        for key in (
            "n_initial",
            "n_rounds",
            "n_per_round",
            "n_live_rounds",
            "n_live",
            "n_draws",
            "n_validation",
            "n_predictive",
            "n_interpolation",
        ):
            if getattr(self, key) < 1:
                raise DiscatlasError(f"{where}.{key}: got {getattr(self, key)}, expected 1 or more")
        for key in ("box_share", "temperature"):
            if not 0 < getattr(self, key) <= 1:
                raise DiscatlasError(f"{where}.{key}: got {getattr(self, key)}, expected above 0, at most 1")
        if self.n_predictive > self.n_validation:
            raise DiscatlasError(
                f"{where}: n_predictive {self.n_predictive} is more than n_validation {self.n_validation}: some of those are evaluated in full"
            )
        for name, changes in self.variants.items():
            for key in changes:
                if key not in VARIED:
                    raise DiscatlasError(
                        f"{where}.variants.{name}: {key!r} cannot vary{nearest(key, VARIED)}; expected {', '.join(VARIED)}"
                    )

    @property
    def record(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)

    @property
    def floor(self) -> Floor:
        """The prior of the model's misfit."""
        return Floor.from_limits(
            self.floor_kernel, tuple(self.floor_kms), self.n_floor, tuple(self.floor_length_kpc), self.n_floor_length
        )

    def grid(self, full: bool = False) -> VelocityGrid:
        """Return the velocities of an evaluation."""
        names = ("full_v_R_kms", "full_v_phi_kms") if full else ("v_R_kms", "v_phi_kms")
        return VelocityGrid.from_config({name.removeprefix("full_"): getattr(self, name) for name in names})

    def with_variant(self, name: str) -> Self:
        """Return the settings of a variant."""
        return replace(self, **self.variants[name])
