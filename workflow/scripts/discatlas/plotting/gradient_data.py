"""What the figures of metallicity gradients have in common: facts of a fit, its bins, its stars, curves of its models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.contracts import error_column
from discatlas.errors import DiscatlasError
from discatlas.plotting import labels

Columns = Mapping[str, NDArray]
PER_KPC = "[dex kpc$^{-1}$]"
OURS, SECOND, DARK = "#b5321f", "#14397a", "#3b0f0a"
_SYMBOLS = {"R_kpc": "R", "abs_Z_kpc": "|Z|"}


@dataclass(frozen=True)
class GradientFacts:
    """What a table of gradients says about itself.

    `x` is the coordinate of the gradient, `bin_by` that of the bins: ``R_kpc`` or ``abs_Z_kpc``.
    """

    quantity: str
    x: str
    bin_by: str
    selection: str | None
    halo_cut: bool
    min_stars: int
    likelihood: str
    objects: str = "stars"

    @property
    def is_of_iron(self) -> bool:
        """Whether the quantity is a metallicity that published gradients are about."""
        return self.quantity in ("feh_dex", "mh_dex")

    @property
    def all_label(self) -> str:
        """Label of what has no bin."""
        return f"all ${_SYMBOLS[self.bin_by]}$ [kpc]"

    @property
    def slope_label(self) -> str:
        """Label of the slope, with its unit."""
        return rf"$\mathrm{{d}}{labels.symbol(self.quantity)}/\mathrm{{d}}{_SYMBOLS[self.x]}$ {PER_KPC}"

    @property
    def star_columns(self) -> list[str]:
        """Columns of the phase space that a star needs to enter the fit."""
        place = {"abs_Z_kpc": "Z_kpc"}.get(self.x, self.x)
        return list(dict.fromkeys(["R_kpc", "Z_kpc", self.quantity, error_column(self.quantity), error_column(place)]))

    def bin_words(self, low: float, high: float) -> str:
        """Return the range of a bin as a formula."""
        return rf"${low:g} < {_SYMBOLS[self.bin_by]} < {high:g}$ kpc"


def coordinate_label(name: str) -> str:
    """Return the axis label of ``R_kpc`` or ``abs_Z_kpc``."""
    return f"${_SYMBOLS[name]}$ [kpc]"


def gradient_facts(provenance: Mapping[str, Any], where: str, objects: str) -> GradientFacts:
    """Return the facts of a table of gradients; a missing key is a DiscatlasError that names `where`."""
    try:
        return GradientFacts(
            quantity=provenance["quantity"],
            x=provenance["x"],
            bin_by=provenance["bin_by"],
            selection=provenance["selection"] or None,
            halo_cut=bool(provenance["halo_cut"]),
            min_stars=int(provenance["min_stars"]),
            likelihood=provenance["likelihood"],
            objects=objects,
        )
    except KeyError as error:
        raise DiscatlasError(
            f"{where}: no {error} in its provenance: no gradient of this workflow; remake it with fit_metallicity_gradient"
        ) from None


def model_rows(table: Columns, model: str) -> dict[str, NDArray]:
    """Return the rows of one model, in order of the bins; none where the model was not fitted."""
    chosen = np.flatnonzero(table["model"].astype(str) == model)
    chosen = chosen[np.argsort(table["bin"][chosen], kind="stable")]
    return {name: column[chosen] for name, column in table.items()}


def models_of(table: Columns) -> list[str]:
    """Return the models of a table, linear first, broken, quadratic."""
    present = set(table["model"].astype(str))
    return [model for model in ("linear", "broken", "quadratic") if model in present]


def is_fitted(rows: Columns) -> NDArray[np.bool_]:
    """Return True for rows with a fit."""
    return rows["status"].astype(str) == "fitted"


def require_fits(rows: Columns, facts: GradientFacts, where: str) -> None:
    """Raise a DiscatlasError where no bin was fitted."""
    if not is_fitted(rows).any():
        most = int(rows["n_stars"].max()) if rows["n_stars"].size else 0
        raise DiscatlasError(
            f"{where}: no bin has a linear fit: nothing to draw; the fullest holds {most:,} stars, "
            f"min_stars is {facts.min_stars:,}; lower it or widen edges_kpc"
        )


def coordinates(stars: Columns, name: str) -> NDArray[np.float64]:
    """Return R or |Z| of stars [kpc]."""
    return np.abs(stars["Z_kpc"]) if name == "abs_Z_kpc" else stars[name]


@dataclass(frozen=True)
class BinStars:
    """Stars of one bin: x [kpc] and metallicity [dex], shape (n,) each."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]


def stars_of_bins(stars: Columns, rows: Columns, facts: GradientFacts) -> list[BinStars]:
    """Return the stars of each row's bin: lower edge included, upper edge not."""
    place, x, y = coordinates(stars, facts.bin_by), coordinates(stars, facts.x), stars[facts.quantity]
    parts = []
    for low, high in zip(rows["bin_low_kpc"], rows["bin_high_kpc"], strict=True):
        inside = (place >= low) & (place < high)
        parts.append(BinStars(x[inside], y[inside]))
    return parts


def running_median(
    x: NDArray[np.float64], y: NDArray[np.float64], n_points: int = 14, least: int = 25
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return mean x, median y and its standard error in groups of equal numbers of stars, in order of x.

    There are at most `n_points` groups, each of at least `least` stars (one group where there are fewer). The error is half
    of the distance between the order statistics sqrt(n)/2 above and below the median, the 68 % interval for the ranks
    of a median whatever the distribution (normal approximation of the binomial law).
    """
    order = np.argsort(x, kind="stable")
    groups = np.array_split(order, max(1, min(n_points, x.size // least)))
    points = np.full((3, len(groups)), np.nan)
    for k, group in enumerate(groups):
        if group.size:
            ranks = np.clip((group.size + np.sqrt(group.size) * np.array([-1, 1])) / (2 * group.size), 0, 1)
            low, high = np.quantile(y[group], ranks)
            points[:, k] = np.mean(x[group]), np.median(y[group]), (high - low) / 2
    return points[0], points[1], points[2]


def model_curves(model: str, parameters: Columns, pivot_kpc: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the metallicity of a model at `x`, shape (k, nx), for k sets of parameters.

    `parameters` holds columns of contract ``metallicity_gradient`` or its chains; the slope of the quadratic model is
    that at `pivot_kpc`, the intercept of each is its value, or its continuation, at x = 0.
    """
    slope, intercept = (parameters[name][:, None] for name in ("slope_dex_per_kpc", "intercept_dex"))
    line = intercept + slope * x
    if model == "broken":
        edge, outer = (parameters[name][:, None] for name in ("break_kpc", "outer_slope_dex_per_kpc"))
        return line + (outer - slope) * np.maximum(x - edge, 0.0)
    if model == "quadratic":
        curvature = parameters["curvature_dex_per_kpc2"][:, None]
        return line + curvature * (x * x / 2 - pivot_kpc * x)
    return line


def chain_of(chains: Columns, bin_number: int, model: str) -> dict[str, NDArray]:
    """Return the rows of the chains of one bin and model."""
    chosen = (chains["bin"] == bin_number) & (chains["model"].astype(str) == model)
    return {name: column[chosen] for name, column in chains.items()}


def draws(chain: Columns, n: int) -> dict[str, NDArray]:
    """Return at most `n` rows of a chain, spread evenly over its walkers and steps."""
    size = chain["bin"].size
    rows = np.unique(np.linspace(0, size - 1, min(n, size)).round().astype(np.int64)) if size else slice(0)
    return {name: column[rows] for name, column in chain.items()}


def count_words(facts: GradientFacts, rows: Columns) -> str:
    """Return how many stars and bins there are, and how they were chosen, in words."""
    fitted = is_fitted(rows)
    words = f"{int(rows['n_stars'].sum()):,} {facts.objects} in {fitted.size} bins"
    if fitted.size == 1:
        words = f"{int(rows['n_stars'].sum()):,} {facts.objects}"
    if not fitted.all():
        words += f", {int((~fitted).sum())} of them with fewer than {facts.min_stars:,}"
    chosen = [facts.selection] if facts.selection else []
    chosen += ["disc stars by their velocities"] if facts.halo_cut else []
    return f"{words}; selection: {' and '.join(chosen) or 'none'}; likelihood: {facts.likelihood}"


def letters(number: int) -> str:
    """Return the letter of a panel in brackets."""
    return f"({'abcdefghijklmnopqrstuvwxyz'[number % 26]})"


def grid_shape(n: int, widest: int = 3) -> tuple[int, int]:
    """Return rows and columns for n panels."""
    columns = 1 if n == 1 else 2 if n in (2, 4) else min(n, widest)
    return -(-n // columns), columns


def padded(values: Sequence[NDArray[np.float64]], share: float = 0.06) -> tuple[float, float]:
    """Return limits that hold all finite values with a margin."""
    known = np.concatenate([np.ravel(value)[np.isfinite(np.ravel(value))] for value in values])
    if not known.size:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    margin = share * (high - low) or 0.1
    return low - margin, high + margin
