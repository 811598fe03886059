"""Nested sampling of the posterior of spiral modes, and what its draws say (dynesty; Speagle 2020).

Priors are flat within the bounds. Nested sampling covers all of them, so separate peaks are found without being told of,
and its samples give the posterior at any power of the likelihood, which the training of an emulator draws from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from dynesty import NestedSampler
from numpy.typing import NDArray

from discatlas.bar_spirals.parameters import SpiralParameters
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
DLOGZ = 0.05
MAX_CALLS = 5_000_000
INTERVALS = {"median": 50.0, "lo": 15.865525, "hi": 84.134475, "lo_95": 2.275013, "hi_95": 97.724987}
LINK = 0.12  # of the unit cube's diagonal per sqrt(parameter): draws nearer than that are of one peak
N_LINKED = 600  # draws that are linked
AT_BOUND = 0.02  # of the range
STUCK = 0.05  # share of the draws within AT_BOUND of a bound, from which on the posterior is cut off there


@dataclass(frozen=True)
class NestedRun:
    """Samples of a nested run, from the outside in.

    Parameters
    ----------
    vectors : array, shape (n, d)
        Parameters.
    ln_likelihood, ln_volume : array, shape (n,)
        Likelihood, and logarithm of the prior volume that each sample stands for.
    ln_evidence, ln_evidence_error : float
        Of the priors and the likelihood.
    n_calls : int
        Calls of the likelihood.
    """

    vectors: Array
    ln_likelihood: Array
    ln_volume: Array
    ln_evidence: float
    ln_evidence_error: float
    n_calls: int

    def weights(self, power: float = 1.0) -> Array:
        """Return normalised weights of the samples in the posterior with the likelihood to a power, shape (n,)."""
        logs = power * self.ln_likelihood + self.ln_volume
        weights = np.exp(logs - logs.max())
        return weights / weights.sum()

    @property
    def n_effective(self) -> float:
        """Number of independent draws that the samples are worth."""
        return float(1 / np.sum(self.weights() ** 2))

    def draw(self, n: int, rng: np.random.Generator, power: float = 1.0) -> NDArray[np.int64]:
        """Draw n rows with equal weights by systematic resampling, in random order."""
        places = (rng.random() + np.arange(n)) / n
        rows = np.searchsorted(np.cumsum(self.weights(power)), places)
        return rng.permutation(np.minimum(rows, len(self.vectors) - 1))


def sample(
    ln_likelihood: Callable[[Array], float], parameters: SpiralParameters, rng: np.random.Generator, n_live: int
) -> NestedRun:
    """Sample a posterior with flat priors within the bounds of `parameters`.

    Raises
    ------
    DiscatlasError
        For too few live points, and a run that does not end.
    """
    lower, upper = parameters.lower, parameters.upper
    if n_live < 2 * lower.size + 2:
        raise DiscatlasError(
            f"n_live: got {n_live}, expected at least {2 * lower.size + 2} for {lower.size} parameters"
        )
    angles = np.flatnonzero(np.isfinite(parameters.periods))
    sampler = NestedSampler(
        ln_likelihood,
        lambda cube: lower + cube * (upper - lower),
        lower.size,
        nlive=n_live,
        bound="multi",
        sample="rwalk",
        periodic=angles.tolist() or None,
        rstate=rng,
    )
    sampler.run_nested(dlogz=DLOGZ, maxcall=MAX_CALLS, print_progress=False, save_bounds=False)
    found = sampler.results
    n_calls = int(np.sum(found.ncall))
    if n_calls >= MAX_CALLS:
        raise DiscatlasError(
            f"nested sampling: not finished after {MAX_CALLS:,} likelihoods; take fewer live points (n_live = {n_live}) or narrower bounds"
        )
    return NestedRun(
        found.samples, found.logl, found.logwt - found.logl, float(found.logz[-1]), float(found.logzerr[-1]), n_calls
    )


def centred(vectors: Array, parameters: SpiralParameters, about: Array | None = None) -> Array:
    """Return vectors, shape (n, d), with every angle within half a period of its circular mean, or of `about`, shape (d,)."""
    result = np.array(vectors, float)
    for k, period in enumerate(parameters.periods):
        if np.isfinite(period):
            turn = 2 * np.pi / period
            middle = np.angle(np.exp(1j * turn * vectors[:, k]).mean()) / turn if about is None else about[k]
            result[:, k] = middle + (vectors[:, k] - middle + period / 2) % period - period / 2
    return result


def moments(vectors: Array, parameters: SpiralParameters) -> tuple[Array, Array]:
    """Return means and standard deviations of draws, shape (d,) each; those of an angle about its circular mean."""
    near = centred(vectors, parameters)
    return near.mean(axis=0), near.std(axis=0)


def summaries(vectors: Array, parameters: SpiralParameters) -> dict[str, dict[str, Any]]:
    """Return of each parameter its mean, standard deviation, median, intervals and prior, and whether the prior cuts it off."""
    near = centred(vectors, parameters)
    records = {}
    for k, parameter in enumerate(parameters.parameters):
        values, width = near[:, k], parameter.upper - parameter.lower
        if parameter.period is not None:  # the median within the bounds
            values = values - parameter.period * np.floor((np.median(values) - parameter.lower) / parameter.period)
        record = {"unit": parameter.unit, "mean": float(values.mean()), "sd": float(values.std(ddof=1))}
        record |= {name: float(np.percentile(values, at)) for name, at in INTERVALS.items()}
        ends = {
            "lower": np.mean(values < parameter.lower + AT_BOUND * width),
            "upper": np.mean(values > parameter.upper - AT_BOUND * width),
        }
        cut = [end for end, share in ends.items() if share > STUCK and parameter.period is None]
        records[parameter.name] = record | {"prior": [parameter.lower, parameter.upper], "at_bound": cut}
    return records


def degeneracies(vectors: Array, parameters: SpiralParameters) -> list[dict[str, Any]]:
    """Return the correlation of each pair of parameters, the strongest first, with the line along which they trade.

    ``slope`` is the change of the second for a unit of the first along the principal axis of the standardised pair, and
    ``kept`` the width of the second at a fixed first over its whole width, sqrt(1 - r^2).
    """
    near, names = centred(vectors, parameters), parameters.names
    correlation, sd = np.corrcoef(near.T), near.std(axis=0)
    records = []
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            r = float(correlation[i, j])
            slope = float(np.sign(r) * sd[j] / sd[i]) if sd[i] > 0 else 0.0
            records.append(
                {
                    "x": names[i],
                    "y": names[j],
                    "correlation": r,
                    "slope": slope,
                    "kept": float(np.sqrt(max(1 - r**2, 0.0))),
                }
            )
    return sorted(records, key=lambda record: -abs(record["correlation"]))


def peaks(vectors: Array, parameters: SpiralParameters) -> list[dict[str, Any]]:
    """Return the separate peaks of a posterior, the heaviest first: share of the draws, and means.

    Draws are linked where they are near one another in the unit cube of the priors, angles around their period.
    """
    rows = np.unique(np.linspace(0, len(vectors) - 1, N_LINKED).astype(np.int64))
    some = vectors[rows]
    scale = parameters.upper - parameters.lower
    apart = np.abs(some[:, None] - some)
    around = np.where(np.isfinite(parameters.periods), parameters.periods, np.inf)
    apart = np.minimum(apart, np.abs(around - apart)) / scale
    near = (apart**2).sum(axis=2) < LINK**2 * scale.size
    label, n = np.full(len(some), -1), 0
    while (label < 0).any():
        members = np.zeros(len(some), bool)
        members[np.flatnonzero(label < 0)[0]] = True
        while (grown := near[members].any(axis=0)).sum() > members.sum():
            members = grown
        label[members] = n
        n += 1
    sizes = np.bincount(label)
    order = np.argsort(-sizes, kind="stable")
    return [
        {
            "share": float(sizes[k] / len(some)),
            "means": dict(
                zip(
                    parameters.names,
                    parameters.canonical(moments(some[label == k], parameters)[0]).tolist(),
                    strict=True,
                )
            ),
        }
        for k in order
        if sizes[k] > 0.005 * len(some)
    ]


def shift(before: Array, after: Array, parameters: SpiralParameters) -> float:
    """Return by how much the mean of any parameter moved, in units of the standard deviation after."""
    mean, sd = moments(after, parameters)
    old = centred(before, parameters, mean).mean(axis=0)
    return float(np.max(np.abs(old - mean) / np.where(sd > 0, sd, 1.0)))


def importance(ln_new: Array, ln_old: Array) -> tuple[Array, float]:
    """Return normalised weights that turn draws of an old likelihood into those of a new one, and their effective share."""
    logs = ln_new - ln_old
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    return weights, float(1 / np.sum(weights**2) / weights.size)


def names_of(parameters: Sequence[str]) -> dict[str, list[str]]:
    """Return the names of parameters by mode, for tables: ``{"2": [...], "bar": [...]}``."""
    groups: dict[str, list[str]] = {}
    for name in parameters:
        part = name.split("_")[1]
        groups.setdefault(part if part.isdigit() else "bar", []).append(name)
    return groups
