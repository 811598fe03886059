"""Nested sampling of the posterior (dynesty; Speagle 2020, Higson et al. 2019).

rwalk moves the points: slices were seen to stick to the edge of the periodic phase. The best point of a grid
(`optimum`) is held against the best draw, so that a peak that the sampler missed does not go unnoticed.
"""

import logging
from dataclasses import dataclass

import numpy as np
from dynesty import DynamicNestedSampler
from dynesty.utils import Results
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.spiral_fit.likelihood import Likelihood
from discatlas.spiral_fit.optimum import climb, search
from discatlas.spiral_fit.parameters import PHASE, Priors

log = logging.getLogger(__name__)
Array = NDArray[np.float64]
DLOGZ = 0.05  # of the first run
MAX_BATCH = 2
MAX_CALLS = 5_000_000
MISSED = 6.0  # ln L that the grid may find above the best draw before it is called missed


@dataclass(frozen=True)
class Posterior:
    """What the sampler gives.

    Parameters
    ----------
    points : ndarray, shape (n, 6)
        Equally weighted draws.
    ln_likelihood : ndarray, shape (n,)
        Of the draws.
    best : ndarray, shape (6,)
        The point of the largest likelihood found, climbed from the best draw.
    best_ln_likelihood : float
        There.
    ln_evidence, ln_evidence_error : float
        Of the model with its priors.
    grid_ln_likelihood : float
        Largest likelihood that the grid search found.
    n_calls, n_effective : int, float
        Calls of the likelihood, and independent draws that the weighted ones are worth.
    """

    points: Array
    ln_likelihood: Array
    best: Array
    best_ln_likelihood: float
    ln_evidence: float
    ln_evidence_error: float
    grid_ln_likelihood: float
    n_calls: int
    n_effective: float


def sample(
    likelihood: Likelihood, priors: Priors, rng: np.random.Generator, n_live: int, n_posterior: int
) -> Posterior:
    """Sample the posterior with dynamic nested sampling.

    Parameters
    ----------
    n_live, n_posterior : int
        Live points of the first run, and equally weighted draws that are returned.

    Raises
    ------
    DiscatlasError
        For too few live points, and a run that does not end.
    """
    free = priors.free
    if n_live < 2 * free.size + 2:
        raise DiscatlasError(f"n_live: got {n_live}, expected at least {2 * free.size + 2} for {free.size} parameters")
    result = _nest(likelihood, priors, rng, n_live)
    weights = np.exp(result.logwt - result.logz[-1])
    weights /= weights.sum()
    at = _systematic(weights, n_posterior, rng)
    points = np.repeat(priors.limits[None, :, 0], at.size, axis=0)
    points[:, free] = result.samples[at]
    start = points[0].copy()
    start[free] = result.samples[np.argmax(result.logl)]
    best, best_ln = climb(likelihood, priors, start)
    grid_ln = max(climb(likelihood, priors, point)[1] for point in search(likelihood, priors))
    if grid_ln > best_ln + MISSED:
        log.warning(
            "nested sampling: a grid finds ln L = %.1f, the best draw has %.1f: a narrow peak of little evidence, or a "
            "missed one; run with more live points to tell",
            grid_ln,
            best_ln,
        )
    return Posterior(
        points=points,
        ln_likelihood=likelihood.many(points),
        best=best,
        best_ln_likelihood=best_ln,
        ln_evidence=float(result.logz[-1]),
        ln_evidence_error=float(result.logzerr[-1]),
        grid_ln_likelihood=grid_ln,
        n_calls=int(np.sum(result.ncall)),
        n_effective=float(1.0 / np.sum(weights**2)),
    )


def _nest(likelihood: Likelihood, priors: Priors, rng: np.random.Generator, n_live: int) -> Results:
    """Run the sampler."""
    free, model = priors.free, likelihood.response.model
    base = priors.limits[:, 0].copy()

    def to_point(cube: Array) -> Array:
        return priors.point(cube, model)[free]

    def ln_likelihood(values: Array) -> float:
        base[free] = values
        return likelihood(base)

    sampler = DynamicNestedSampler(
        ln_likelihood,
        to_point,
        free.size,
        nlive=n_live,
        bound="multi",
        sample="rwalk",
        periodic=[int(np.flatnonzero(free == PHASE)[0])],
        rstate=rng,
    )
    sampler.run_nested(
        nlive_init=n_live,
        nlive_batch=max(n_live // 2, 2 * free.size),
        maxbatch=MAX_BATCH,
        dlogz_init=DLOGZ,
        maxcall=MAX_CALLS,
        print_progress=False,
        save_bounds=False,
    )
    if sum(sampler.results.ncall) >= MAX_CALLS:
        raise DiscatlasError(
            f"nested sampling: not finished after {MAX_CALLS:,} likelihoods; take fewer live points (n_live = {n_live}) or "
            "narrower priors"
        )
    return sampler.results


def _systematic(weights: Array, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw n rows by systematic resampling, in random order."""
    places = (rng.random() + np.arange(n)) / n
    at = np.searchsorted(np.cumsum(weights), places)
    return rng.permutation(np.minimum(at, weights.size - 1))
