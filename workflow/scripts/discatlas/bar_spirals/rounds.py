"""Rounds of learning: an emulator is trained, its posterior drawn from, and the models of the draws are evaluated.

Every round is a test of the emulator at models that it has not seen; they then join the training. Half of a batch comes
from the posterior itself, half from a flatter one around it. All draws of a round follow from the evaluations before, and
evaluations are kept in a file, so that a run that was killed comes to the same numbers.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.emulator import Emulator, FeatureMap
from discatlas.bar_spirals.evaluations import Evaluations, Problem
from discatlas.bar_spirals.likelihood import QuadraticForms
from discatlas.bar_spirals.mode_contrasts import ModeContrasts
from discatlas.bar_spirals.posterior import sample, shift

log = logging.getLogger(__name__)
Array = NDArray[np.float64]
Streams = Callable[[str], np.random.Generator]
N_BIAS = 3  # models of a round that are evaluated in full
HELD = 5  # in the first training every fifth model is held out
FORBIDDEN = -1e6  # ln L of what the prior excludes, falling with the excess, so that samplers find the way back
N_SHIFT = 1000  # draws from which means are taken


@dataclass(frozen=True)
class Target:
    """The emulated posterior.

    Parameters
    ----------
    emulator : Emulator
        Of the medians.
    forms : QuadraticForms
        The likelihood in the emulator's coefficients, its error and the bias of the quick evaluations included.
    contrasts : ModeContrasts or None
        What `max_contrast` limits.
    max_contrast : float or None
        Limit of the sum of contrasts.
    """

    emulator: Emulator
    forms: QuadraticForms
    contrasts: ModeContrasts | None
    max_contrast: float | None

    def many(self, vectors: Array) -> Array:
        """Return ln L of vectors, shape (n, d)."""
        values = self.forms.ln_likelihood(self.emulator.coefficients(vectors))
        if self.max_contrast is None or self.contrasts is None:
            return values
        excess = self.contrasts(vectors).sum(axis=1) - self.max_contrast
        return np.where(excess > 0, FORBIDDEN * (1 + excess), values)

    def __call__(self, vector: Array) -> float:
        """Return ln L of one vector."""
        return float(self.many(vector[None])[0])


@dataclass
class Lesson:
    """What is known after some rounds.

    Parameters
    ----------
    vectors, medians : array, shape (n, d) and (n, k)
        Training set, in the order in which it was made.
    round : array of int, shape (n,)
        Round of each model, 0 for the design.
    residuals : array, shape (m, k)
        Errors of the last emulator at draws of the posterior that it had not seen [km/s].
    bias : array, shape (b, k)
        Full minus quick evaluation of some draws [km/s].
    history : list
        One record per round.
    """

    vectors: Array
    medians: Array
    round: NDArray[np.int64]
    residuals: Array
    bias: Array
    history: list[dict[str, Any]]

    @property
    def mean_bias(self) -> Array:
        """Mean of full minus quick evaluation at each node, zero before any is known [km/s]."""
        return self.bias.mean(axis=0) if len(self.bias) else np.zeros(self.medians.shape[1])


def _train(problem: Problem, vectors: Array, medians: Array, previous: Emulator | None) -> Emulator:
    settings = problem.settings
    options = {"lost_kms": settings.lost_kms, "groups": settings.groups, "n_subset": settings.n_subset}
    return Emulator.train(FeatureMap(problem.parameters), vectors, medians, **options, previous=previous)


def make_target(
    lesson: Lesson,
    emulator: Emulator,
    forms: QuadraticForms,
    contrasts: ModeContrasts | None,
    max_contrast: float | None,
) -> Target:
    """Return the posterior that an emulator gives, with the covariance of its own errors as last seen."""
    errors = lesson.residuals @ emulator.basis
    variance = errors.T @ errors / len(errors)
    projected = forms.project(emulator.mean + lesson.mean_bias, emulator.basis, variance)
    return Target(emulator, projected.pruned(emulator.project(lesson.medians)), contrasts, max_contrast)


def begin(problem: Problem, vectors: Array, medians: Array) -> Lesson:
    """Return the lesson of a design, the errors of whose emulator are those at models that are held out."""
    held = np.arange(len(vectors)) % HELD == HELD - 1
    emulator = _train(problem, vectors[~held], medians[~held], None)
    residuals = medians[held] - emulator.medians(vectors[held])
    rms = float(np.sqrt(np.mean(residuals**2)))
    log.info(f"design: {len(vectors):,} models, rms {rms:.2f} km/s at {held.sum()} that were held out")
    record = {"round": 0, "n_models": len(vectors), "rms_kms": rms, "n_components": emulator.basis.shape[1]}
    empty = np.empty((0, medians.shape[1]))
    return Lesson(vectors, medians, np.zeros(len(vectors), np.int64), residuals, empty, [record])


def _plan(target: Target, problem: Problem, rng: np.random.Generator) -> dict[str, Array]:
    """Return draws of a posterior, the models of a round, those of the posterior itself first, and what the sampler says."""
    settings = problem.settings
    run = sample(target, problem.parameters, rng, settings.n_live_rounds)
    draws = run.vectors[run.draw(N_SHIFT, rng)]
    n, n_own = settings.n_per_round, n_of_posterior(settings.n_per_round)
    rows = [run.draw(n_own, rng), run.draw(n - n_own, rng, settings.temperature)]
    batch = problem.parameters.canonical(run.vectors[np.concatenate(rows)])
    return {"draws": draws, "batch": batch, "sampler": np.array([run.ln_evidence, run.n_calls])}


def _fingerprint(problem: Problem, lesson: Lesson) -> str:
    """Return a digest of what a plan depends on beside what the evaluations do."""
    text = json.dumps(problem.settings.record, sort_keys=True, default=float)
    return hashlib.sha256(text.encode("utf-8") + lesson.medians.tobytes()).hexdigest()[:16]


def n_of_posterior(n_per_round: int) -> int:
    """Return how many models of a round come from the posterior itself."""
    return (n_per_round + 1) // 2


def learn(
    problem: Problem,
    forms: QuadraticForms,
    contrasts: ModeContrasts | None,
    lesson: Lesson,
    store: Evaluations,
    streams: Streams,
) -> tuple[Lesson, Emulator]:
    """Go through the rounds; return what was learned and the emulator that is trained on all of it.

    Parameters
    ----------
    forms : QuadraticForms
        The likelihood at the nodes.
    streams : callable
        Gives the random stream of a step by name.
    """
    settings, emulator, before = problem.settings, None, None
    n_own = n_of_posterior(settings.n_per_round)
    for number in range(1, settings.n_rounds + 1):
        emulator = _train(problem, lesson.vectors, lesson.medians, emulator)
        target = make_target(lesson, emulator, forms, contrasts, settings.max_contrast)
        plan = store.keep(
            f"plan_{number}_{_fingerprint(problem, lesson)}",
            partial(_plan, target, problem, streams(f"round {number}")),
        )
        draws, batch, (ln_evidence, n_calls) = (plan[name] for name in ("draws", "batch", "sampler"))
        medians = store.complete(f"round_{number}", batch, problem.medians, log.info)
        full = store.complete(f"full_{number}", batch[:N_BIAS], lambda v: problem.medians(v, full=True), log.info)
        errors = medians - emulator.medians(batch)
        moved = shift(before, draws, problem.parameters) if before is not None else np.inf
        record = {
            "round": number,
            "n_models": len(lesson.vectors),
            "n_components": emulator.basis.shape[1],
            "rms_kms": float(np.sqrt(np.mean(errors[:n_own] ** 2))),
            "rms_flatter_kms": float(np.sqrt(np.mean(errors[n_own:] ** 2))) if n_own < len(errors) else None,
            "shift": float(moved) if np.isfinite(moved) else None,
            "ln_evidence": float(ln_evidence),
            "n_calls": int(n_calls),
        }
        log.info(f"round {number}: rms {record['rms_kms']:.2f} km/s, shift {moved:.2f}, ln Z {ln_evidence:.1f}")
        lesson = Lesson(
            np.concatenate([lesson.vectors, batch]),
            np.concatenate([lesson.medians, medians]),
            np.concatenate([lesson.round, np.full(len(batch), number)]),
            errors[:n_own],
            np.concatenate([lesson.bias, full - medians[:N_BIAS]]),
            [*lesson.history, record],
        )
        before = draws
        if record["rms_kms"] < settings.target_rms_kms and moved < settings.target_shift:
            break
    return lesson, _train(problem, lesson.vectors, lesson.medians, emulator)
