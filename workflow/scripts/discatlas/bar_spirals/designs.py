"""Designs: which models an emulator learns from before it knows where the posterior is."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from discatlas.bar_spirals.parameters import SpiralParameters
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
KINDS = ("amplitude", "pitch", "phase", "Omega", "bar")
RELATIVE = ("amplitude", "bar_factor")


def box_limits(best: Array, parameters: SpiralParameters, box: Mapping[str, float]) -> tuple[Array, Array]:
    """Return lower and upper limits of a box about a vector, within the bounds but for angles, shape (d,) each.

    `box` has half-widths by kind of parameter; those of amplitudes and of the bar's factor are relative.

    Raises
    ------
    DiscatlasError
        For a kind that is missing or not above zero.
    """
    for kind in KINDS:
        if not box.get(kind, 0) > 0:
            raise DiscatlasError(f"box of a design: {kind!r} is {box.get(kind)!r}; expected a half-width above 0")
    lower, upper = np.empty(best.size), np.empty(best.size)
    for k, parameter in enumerate(parameters.parameters):
        kind = parameter.name.split("_")[0]
        half = box[kind] * (best[k] if parameter.name.startswith(RELATIVE) else 1.0)
        low, high = best[k] - half, best[k] + half
        if parameter.period is None:
            low, high = max(low, parameter.lower), min(high, parameter.upper)
            if not low < high:  # the best vector lies at a bound, of an amplitude of zero for instance
                low, high = parameter.lower, parameter.upper
        elif high - low > parameter.period:
            low, high = parameter.lower, parameter.upper
        lower[k], upper[k] = low, high
    return lower, upper


def initial_design(
    best: Array | None,
    parameters: SpiralParameters,
    n: int,
    box_share: float,
    box: Mapping[str, float],
    rng: np.random.Generator,
) -> Array:
    """Return n vectors, shape (n, d): first those in a box about the best one, then those in all of the bounds.

    Both are scrambled Sobol sequences. Without a best vector all lie in the whole of the bounds.
    """
    n_box = round(n * box_share) if best is not None else 0
    parts = []
    for count, limits in (
        (n_box, box_limits(best, parameters, box) if n_box else None),
        (n - n_box, (parameters.lower, parameters.upper)),
    ):
        if count:
            sequence = qmc.Sobol(parameters.lower.size, seed=rng)
            cube = sequence.random_base2(int(np.ceil(np.log2(max(count, 2)))))[:count]
            parts.append(limits[0] + cube * (limits[1] - limits[0]))
    return parameters.canonical(np.concatenate(parts))


def part_of(design: Array, part: int, n_parts: int) -> Array:
    """Return one part of a design, the rows part, part + n_parts, ...: every part covers the whole range."""
    if not 0 <= part < n_parts:
        raise DiscatlasError(f"design: part {part} of {n_parts}; expected 0 to {n_parts - 1}")
    return design[part::n_parts]
