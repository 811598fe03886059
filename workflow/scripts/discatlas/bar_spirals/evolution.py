"""Differential evolution that goes on where it was stopped, and a gradient descent about the best member.

Each generation is one call of scipy's public `differential_evolution` with the stored population, its energies and the
stored generator of random numbers, whether or not the run was interrupted: a run that was killed and goes on has the
same numbers as one that was not. Before each call an angle's bounds are laid half a period either side of the best
member's, so that no mutant of it falls off the end of the circle.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import differential_evolution, minimize

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
Evaluate = Callable[[Array], Array]
RECOMBINATION, MUTATION = 0.7, (0.5, 1.0)
GRADIENT_STEP = 0.005  # of the box's width


@dataclass(frozen=True)
class Domain:
    """Bounds and periods (infinite for none) of the k parameters."""

    lower: Array
    upper: Array
    period: Array

    def around(self, centre: Array) -> tuple[Array, Array]:
        """Return the bounds with each angle's laid half a period either side of `centre`."""
        is_angle = np.isfinite(self.period)
        half = np.where(is_angle, 0.5 * np.where(is_angle, self.period, 0.0), 0.0)
        return np.where(is_angle, centre - half, self.lower), np.where(is_angle, centre + half, self.upper)

    def wrap(self, vectors: Array, lower: Array) -> Array:
        """Return vectors (n, k) with each angle in the period that begins at `lower`."""
        is_angle = np.isfinite(self.period)
        period = np.where(is_angle, self.period, 1.0)
        return np.where(is_angle, lower + np.mod(vectors - lower, period), vectors)


@dataclass(frozen=True)
class Evolution:
    """A population and how it came to be: all that the next generation depends on.

    Parameters
    ----------
    populations : array, shape (g, n, k)
        Members of each generation from the first, the best one first.
    energies : array, shape (g, n)
        The objective of each.
    rng_state : str
        State of the generator of random numbers after the last one, as JSON.
    """

    populations: Array
    energies: Array
    rng_state: str

    @property
    def best(self) -> Array:
        """The best member, shape (k,)."""
        return self.populations[-1, 0]

    @property
    def spread(self) -> float:
        """Standard deviation of the objective over the population, relative to its mean."""
        energies = self.energies[-1]
        return float(np.std(energies) / np.abs(np.mean(energies)))

    def save(self, path: Path, digest: str) -> None:
        """Write the state under a temporary name and rename it; `digest` says which settings it belongs to."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.partial")
        arrays = {"populations": self.populations, "energies": self.energies}
        with temporary.open("wb") as stream:
            np.savez(stream, **arrays, rng_state=np.array(self.rng_state), digest=np.array(digest))
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path, digest: str) -> Self | None:
        """Return the state in a file; None where there is none, or one of other settings."""
        if not path.exists():
            return None
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                if str(stored["digest"]) != digest:
                    return None
                return cls(stored["populations"], stored["energies"], str(stored["rng_state"]))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise DiscatlasError(f"{path}: no readable state of a fit ({error}); delete it to start anew") from None


def evolve(
    evaluate: Evaluate,
    domain: Domain,
    rng: np.random.Generator,
    *,
    population: int,
    tolerance: float,
    max_generations: int,
    state: Evolution | None = None,
    keep: Callable[[Evolution], None] = lambda _: None,
) -> Evolution:
    """Evolve a population until its spread is `tolerance` of its mean, or for `max_generations`.

    Strategy best1bin, mutation dithered between 0.5 and 1, recombination 0.7, the first generation a Latin hypercube of
    `population` members a parameter (Khalil et al. 2025, Sect. 4.2).

    Parameters
    ----------
    evaluate : callable
        Objective of vectors, shape (n, k) to (n,): one call for each generation.
    rng : Generator
        Source of random numbers; its state is replaced by the stored one where a `state` is given.
    state : Evolution, optional
        Where to go on.
    keep : callable
        Gets the state after each generation, to be stored.

    Raises
    ------
    DiscatlasError
        If no member of the first generation has a finite objective.
    """
    if state is None:
        state = _first(evaluate, domain, rng, population)
        keep(state)
    rng.bit_generator.state = json.loads(state.rng_state)
    while state.spread > tolerance and len(state.energies) <= max_generations:
        state = _next(evaluate, domain, rng, state)
        keep(state)
    return state


def _first(evaluate: Evaluate, domain: Domain, rng: np.random.Generator, population: int) -> Evolution:
    options = {"init": "latinhypercube", "popsize": population, "maxiter": 0}
    found = _one_call(evaluate, (domain.lower, domain.upper), rng, options)
    if not np.isfinite(found.population_energies).any():
        raise DiscatlasError("differential evolution: no member of the first generation has a finite objective")
    members = domain.wrap(found.population, domain.lower)
    return Evolution(members[None], found.population_energies[None], json.dumps(rng.bit_generator.state))


def _next(evaluate: Evaluate, domain: Domain, rng: np.random.Generator, state: Evolution) -> Evolution:
    lower, upper = domain.around(state.best)
    known = [state.energies[-1]]  # the population that the call begins with has its energies already

    def objective(vectors: Array) -> Array:
        return known.pop() if known else evaluate(domain.wrap(vectors, domain.lower))

    options = {"init": domain.wrap(state.populations[-1], lower), "maxiter": 1}
    found = _one_call(objective, (lower, upper), rng, options)
    members = domain.wrap(found.population, domain.lower)
    return replace(
        state,
        populations=np.concatenate([state.populations, members[None]]),
        energies=np.concatenate([state.energies, found.population_energies[None]]),
        rng_state=json.dumps(rng.bit_generator.state),
    )


def _one_call(
    evaluate: Evaluate, bounds: tuple[Array, Array], rng: np.random.Generator, options: dict[str, Any]
) -> Any:  # noqa: ANN401
    """Return scipy's result; vectors go to `evaluate` one a row."""
    fixed = {"strategy": "best1bin", "mutation": MUTATION, "recombination": RECOMBINATION, "tol": 0.0, "polish": False}
    return differential_evolution(
        lambda columns: evaluate(np.ascontiguousarray(columns.T)),
        np.stack(bounds, axis=1),
        rng=rng,
        vectorized=True,
        updating="deferred",
        **fixed,
        **options,
    )


def polish(evaluate: Evaluate, domain: Domain, best: Array, widths: Array, max_iterations: int) -> tuple[Array, float]:
    """Return the best point, and its objective, in a box of the given widths about a point, by L-BFGS-B.

    The gradient is by central differences, all of them in one call of `evaluate` (shape (n, k) to (n,)). The point
    never gets worse.
    """
    is_angle = np.isfinite(domain.period)
    low, high = best - 0.5 * widths, best + 0.5 * widths
    low = np.where(is_angle, low, np.maximum(low, domain.lower))
    high = np.where(is_angle, high, np.minimum(high, domain.upper))
    seen: list[tuple[float, Array]] = []

    def value_and_gradient(unit: Array) -> tuple[float, Array]:
        above, below = (np.clip(unit + step * np.eye(unit.size), 0, 1) for step in (GRADIENT_STEP, -GRADIENT_STEP))
        units = np.vstack([unit, above, below])
        points = domain.wrap(low + units * (high - low), domain.lower)
        values = evaluate(points)
        seen.extend(zip(values.tolist(), points, strict=True))
        differences = values[1 : 1 + unit.size] - values[1 + unit.size :]
        return float(values[0]), differences / np.diag(above - below)

    start = (best - low) / (high - low)
    options = {"maxiter": max_iterations, "ftol": 1e-8}
    minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 1.0)] * best.size, options=options)
    value, point = min(seen, key=lambda pair: pair[0])
    return point, value
