"""Ridges of a sample against those of a model: which belong together, how far apart they lie, and how their slopes differ."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.ridge_tables import SLOPES, NamedRidge
from discatlas.bar_spirals.ridges import fit_line
from discatlas.bar_spirals.volumes import AXES, COORDINATES

Array = NDArray[np.float64]


class Separation(NamedTuple):
    """Model minus sample at the sample's places where both have the ridge [km/s]: rows of these places, mean, error, rms."""

    common: NDArray[np.int64]
    mean_kms: float
    error_kms: float
    rms_kms: float


def separation(sample: NamedRidge, model: NamedRidge) -> Separation | None:
    """Return how far a model's ridge lies from a sample's; None where they have no place in common.

    The mean is weighted by the sample's errors, and its own error larger by the root of the reduced chi-square about it where
    this exceeds 1. A first ridge without errors, as of another model, gives a plain mean without an error.
    """
    difference = model.velocity(sample.places) - sample.columns["v_phi_kms"]
    common = np.flatnonzero(np.isfinite(difference))
    if not common.size:
        return None
    d, errors = difference[common], sample.errors[common]
    known = bool(np.isfinite(errors).all())
    weight = 1 / errors**2 if known else np.ones(d.size)
    mean = float(weight @ d / weight.sum())
    chi_square = float(weight @ (d - mean) ** 2) / max(d.size - 1, 1)
    error = float(np.sqrt(max(chi_square, 1.0) / weight.sum())) if known else np.nan
    return Separation(common, mean, error, float(np.sqrt(np.mean(d**2))))


def match_ridges(
    sample: Sequence[NamedRidge], model: Sequence[NamedRidge], min_common: int, max_separation_kms: float
) -> list[tuple[NamedRidge | None, NamedRidge | None, Separation | None]]:
    """Pair the ridges of the same rows, the nearest first, and return the pairs and then all others with None.

    Pairs have `min_common` places in common and an rms separation of `max_separation_kms` at most; each ridge is in one.
    """
    pairs = []
    for i, ours in enumerate(sample):
        for j, theirs in enumerate(model):
            if ours.row == theirs.row and (found := separation(ours, theirs)) is not None:
                pairs.append((found.rms_kms, i, j, found))
    taken: tuple[set[int], set[int]] = (set(), set())
    matched = []
    for rms, i, j, found in sorted(pairs, key=lambda pair: pair[:3]):
        close = rms <= max_separation_kms and found.common.size >= min_common
        if close and i not in taken[0] and j not in taken[1]:
            taken[0].add(i)
            taken[1].add(j)
            matched.append((i, j, found))
    both = [(sample[i], model[j], found) for i, j, found in sorted(matched, key=lambda pair: pair[:2])]
    alone = [(ridge, None, None) for i, ridge in enumerate(sample) if i not in taken[0]]
    return [*both, *alone, *((None, ridge, None) for j, ridge in enumerate(model) if j not in taken[1])]


def comparison_columns(
    pairs: Sequence[tuple[NamedRidge | None, NamedRidge | None, Separation | None]],
) -> dict[str, NDArray]:
    """Return the columns of contract ``ridges_comparison``, in the order of the rows and their ridges."""
    records = [_record(*pair) for pair in pairs]
    last = 1 << 30
    records.sort(key=lambda r: (r["row"], *(last if r[key] is None else r[key] for key in ("ridge", "model_ridge"))))
    names = list(_record(None, None, None))
    whole = ("row", "ridge", "model_ridge", "n_common")
    columns: dict[str, NDArray] = {}
    for name in names:
        values = [record[name] for record in records]
        if name == "axis":
            columns[name] = np.array(values, dtype=object)
        elif name in whole:
            missing = [value is None for value in values]
            filled = np.array([0 if value is None else value for value in values], dtype=np.int64)
            columns[name] = np.ma.masked_array(filled, missing) if any(missing) else filled
        else:
            columns[name] = np.array([np.nan if value is None else value for value in values], dtype=float)
    return columns


def _record(sample: NamedRidge | None, model: NamedRidge | None, found: Separation | None) -> dict[str, Any]:
    some = sample if sample is not None else model
    record: dict[str, Any] = {"row": None, "axis": ""} | dict.fromkeys(COORDINATES)
    if some is not None:
        record |= {"row": some.row, "axis": some.axis}
        record |= {name: float(some.columns[name][0]) for name in COORDINATES if name != AXES[some.axis]}
    record |= {
        "ridge": None if sample is None else sample.number,
        "model_ridge": None if model is None else model.number,
    }
    names = ["n_common", "from_place", "to_place", "separation_kms", "separation_error_kms", "separation_rms_kms"]
    names += ["v_phi_kms", "slope", "slope_error", "model_slope", "model_slope_error"]
    record |= dict.fromkeys(names) | {"n_common": 0}
    if sample is None or model is None or found is None:
        return record
    low, high = sample.places[found.common].min(), sample.places[found.common].max()
    record |= {"n_common": found.common.size, "from_place": float(low), "to_place": float(high)}
    record |= {"separation_kms": found.mean_kms, "separation_error_kms": found.error_kms}
    record |= {"separation_rms_kms": found.rms_kms}
    record["v_phi_kms"] = float(np.mean(sample.columns["v_phi_kms"][found.common]))
    if found.common.size > 2 and sample.axis in SLOPES:
        rows = found.common
        ours = fit_line(sample.places[rows], sample.columns["v_phi_kms"][rows], sample.errors[rows])
        record |= {"slope": ours.slope, "slope_error": ours.slope_error}
        inside = model.between(low, high)
        if inside.sum() > 2:
            theirs = fit_line(model.places[inside], model.columns["v_phi_kms"][inside], model.errors[inside])
            record |= {"model_slope": theirs.slope, "model_slope_error": theirs.slope_error}
    return record


def comparison_record(columns: dict[str, NDArray]) -> dict[str, Any]:
    """Return how many ridges match for each axis, and their separations: of all of them, weighted by common places."""
    records = {}
    missing = {key: np.ma.getmaskarray(np.ma.asarray(columns[key])) for key in ("ridge", "model_ridge")}
    for axis in AXES:
        here = columns["axis"] == axis
        both = here & ~missing["ridge"] & ~missing["model_ridge"]
        n = columns["n_common"][both].astype(float)
        record = {"n_ridges": int((here & ~missing["ridge"]).sum()), "n_matched": int(both.sum())}
        record["n_model_ridges"] = int((here & ~missing["model_ridge"]).sum())
        if both.any():
            record["separation_kms"] = float(np.average(columns["separation_kms"][both], weights=n))
            record["separation_rms_kms"] = float(
                np.sqrt(np.average(columns["separation_rms_kms"][both] ** 2, weights=n))
            )
        records[axis] = record
    return records
