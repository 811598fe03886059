"""Ridges as tables and records: those of all rows of a sample or a model, written and read back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.ridges import Ridge, fit_line
from discatlas.bar_spirals.volumes import AXES, COORDINATES, Row, VolumeSettings

Array = NDArray[np.float64]
SLOPES = {"R": "slope_kms_kpc", "phi": "slope_kms_deg"}  # names in records; ridges along v_R are arches


class NamedRidge(NamedTuple):
    """A ridge of a table: number of its row and axis, its number, its places and what is known there."""

    row: int
    axis: str
    number: int
    columns: dict[str, NDArray]

    @property
    def places(self) -> Array:
        """Where along the axis it has peaks."""
        return self.columns[AXES[self.axis]]

    @property
    def errors(self) -> Array:
        """Errors of v_phi; NaN for a model."""
        return self.columns["v_phi_error_kms"]

    def between(self, low: float, high: float) -> NDArray[np.bool_]:
        """Whether its places lie in a range."""
        return (self.places >= low - 1e-9) & (self.places <= high + 1e-9)

    def velocity(self, places: Array) -> Array:
        """Return v_phi at places, linear between its own and NaN beyond them."""
        return np.interp(places, self.places, self.columns["v_phi_kms"], left=np.nan, right=np.nan)


def ridge_columns(rows: Sequence[Row], ridges: Sequence[Sequence[Ridge]], noise: bool) -> dict[str, NDArray]:
    """Return the columns of contract ``ridges``: one row for each peak of the ridges of all rows."""
    parts = []
    for number, (row, found) in enumerate(zip(rows, ridges, strict=True)):
        where = row.coordinates()
        for k, (places, peaks) in enumerate(found):
            part = {"row": np.full(places.size, number), "axis": np.full(places.size, row.axis, dtype=object)}
            part |= {name: where[name][places] for name in COORDINATES}
            part |= {"ridge": np.full(places.size, k), "v_phi_kms": peaks.v_kms, "v_phi_error_kms": peaks.v_error_kms}
            part |= {"significance": peaks.significance, "prominence": peaks.prominence}
            parts.append(part | ({"n_stars": np.rint(peaks.n_near).astype(np.int64)} if noise else {}))
    return _stack(parts, ["n_stars"] if noise else [])


def _stack(parts: list[dict[str, NDArray]], more: list[str]) -> dict[str, NDArray]:
    names = ["row", "axis", *COORDINATES, "ridge", "v_phi_kms", "v_phi_error_kms", "significance", "prominence", *more]
    if not parts:
        whole = {name: np.empty(0, np.int64 if name in ("row", "ridge", "n_stars") else float) for name in names}
        return whole | {"axis": np.empty(0, dtype=object)}
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def density_columns(
    rows: Sequence[Row], values: Sequence[Array], settings: VolumeSettings, name: str
) -> dict[str, NDArray]:
    """Return the columns of contract ``ridges_density``: `values` of all volumes and bins of v_phi within the limits."""
    centres = settings.wavelet().centres_kms
    held = settings.within_limits(centres)
    columns: dict[str, list[NDArray]] = {key: [] for key in ("row", "axis", *COORDINATES, "v_phi_kms", name)}
    for number, (row, table) in enumerate(zip(rows, values, strict=True)):
        n_places, n_bins = row.places.size, int(held.sum())
        columns["row"].append(np.full(n_places * n_bins, number))
        columns["axis"].append(np.full(n_places * n_bins, row.axis, dtype=object))
        for key, where in row.coordinates().items():
            columns[key].append(np.repeat(where, n_bins))
        columns["v_phi_kms"].append(np.tile(centres[held], n_places))
        columns[name].append(table[:, held].ravel())
    return {key: np.concatenate(parts) for key, parts in columns.items()}


def read_ridges(columns: Mapping[str, NDArray]) -> Iterator[NamedRidge]:
    """Yield the ridges of a table of contract ``ridges``, in its order."""
    if not columns["row"].size:
        return
    changes = (np.diff(columns["row"]) != 0) | (np.diff(columns["ridge"]) != 0)
    for rows in np.split(np.arange(columns["row"].size), np.flatnonzero(changes) + 1):
        part = {name: values[rows] for name, values in columns.items()}
        yield NamedRidge(int(part["row"][0]), str(part["axis"][0]), int(part["ridge"][0]), part)


def ridge_record(ridge: NamedRidge) -> dict[str, Any]:
    """Return a ridge in numbers: where it is, from where to where, its mean v_phi, and its slope with its error."""
    along = AXES[ridge.axis]
    fixed = {name: float(ridge.columns[name][0]) for name in COORDINATES if name != along}
    line = fit_line(ridge.places, ridge.columns["v_phi_kms"], ridge.errors)
    record = {"row": ridge.row, "axis": ridge.axis} | fixed | {"ridge": ridge.number, "n_places": ridge.places.size}
    record |= {"from": float(ridge.places.min()), "to": float(ridge.places.max()), "at": line.place}
    record["v_phi_kms"] = line.v_phi_kms
    if ridge.axis in SLOPES:
        name = SLOPES[ridge.axis]
        record |= {name: line.slope, f"{name}_error": line.slope_error}
    significance = ridge.columns["significance"]
    known = np.isfinite(significance).all()
    return record | {"least_significance": float(significance.min()) if known else None}
