"""The studies, and the table that they give."""

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.calibration import (
    azimuthal,
    comparison,
    distances,
    gradients,
    local_oort,
    maps,
    phase_space,
    rotation,
    smoothing,
    spiral_fit,
    velocity_field,
)
from discatlas.calibration.coverage import Intervals, diagnosis, join, summarise
from discatlas.calibration.study import Key, Study
from discatlas.errors import DiscatlasError
from discatlas.streams import stream_generator

log = logging.getLogger(__name__)
MAX_SIMULATIONS = 20  # per interval that is wanted
STUDIES: tuple[Study, ...] = (
    *phase_space.STUDIES,
    *distances.STUDIES,
    *maps.STUDIES,
    *smoothing.STUDIES,
    *velocity_field.STUDIES,
    *local_oort.STUDIES,
    *rotation.STUDIES,
    *gradients.STUDIES,
    *azimuthal.STUDIES,
    *comparison.STUDIES,
    *spiral_fit.STUDIES,
)
UNEXPLAINED = "no cause known: by chance 0.3 % of rows with right errors fail"


def calibrate(studies: Iterable[Study], n_intervals: int, seed: int) -> dict[str, NDArray[Any]]:
    """Return the columns of the contract ``calibration``, one row per estimator, case and quantity.

    Parameters
    ----------
    studies : iterable of Study
        Such as `STUDIES`.
    n_intervals : int
        Independent intervals of every row.
    seed : int
        Seed of the atlas.

    Raises
    ------
    DiscatlasError
        For no interval wanted, and an estimator that gives none.
    """
    if n_intervals < 1:
        raise DiscatlasError(f"calibration: got n_intervals {n_intervals}, expected 1 or more")
    rows = []
    for study in studies:
        found = [
            _row(study, key, *_first_known(intervals, n_intervals))
            for key, intervals in collect(study, n_intervals, seed).items()
        ]
        failed = [
            f"{row['estimator']} {row['quantity']} {100 * row['coverage']:.1f} %"
            for row in found
            if row["verdict"] == "fail"
        ]
        log.info("%s: %d rows, %d fail%s", study.name, len(found), len(failed), "".join(f"; {text}" for text in failed))
        rows += found
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def collect(study: Study, n_intervals: int, seed: int) -> dict[Key, Intervals]:
    """Return what the simulations of a study give until every row has `n_intervals` known intervals.

    Simulation k has the stream (seed, ``check_calibration``, name of the study, k), whatever the others do.
    """
    parts: dict[Key, list[Intervals]] = {}
    counts: dict[Key, int] = {}
    for k in range(MAX_SIMULATIONS * n_intervals):
        for key, intervals in study.draw(stream_generator(seed, "check_calibration", study.name, str(k))).items():
            parts.setdefault(key, []).append(intervals)
            counts[key] = counts.get(key, 0) + int(intervals.is_known.sum())
        if min(counts.values()) >= n_intervals:
            return {key: join(sets) for key, sets in parts.items()}
    key = min(counts, key=lambda key: counts[key])
    raise DiscatlasError(
        f"calibration: {study.name}: {key.estimator}, {key.quantity} gave {counts[key]} intervals in {k + 1:,} "
        f"simulations, expected {n_intervals:,}"
    )


def _first_known(intervals: Intervals, n_intervals: int) -> tuple[Intervals, int]:
    """Return the first n known intervals, and how many before the last of them are missing."""
    known = np.flatnonzero(intervals.is_known)[:n_intervals]
    return intervals.take(known), int(known[-1] + 1 - known.size)


def _row(study: Study, key: Key, intervals: Intervals, n_missing: int) -> dict[str, Any]:
    row = {"estimator": key.estimator, "case": study.case, "quantity": key.quantity} | summarise(intervals)
    row["n_missing"] = n_missing
    remark = study.note
    if row["verdict"] == "fail":
        remark = study.reason(key) or "; ".join(text for text in (diagnosis(row), UNEXPLAINED) if text)
    return row | {"remark": remark}
