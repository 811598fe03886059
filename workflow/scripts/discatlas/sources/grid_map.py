"""Ready-made maps: published arrays (.npy) on a declared grid of x and y, brought to this project's frame.

A file of numbers says neither where its cells lie nor which index is x: the config declares axes, frame and index order,
and `check_rotation` holds a map of v_phi against what any map of the disc's rotation shows.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest
from discatlas.frames import cylindrical_position
from discatlas.sources.files import check_file, whole_file

Array = NDArray[np.float64]
FRAMES = ("galactocentric", "khalil2025", "heliocentric")
INDICES = ("xy", "yx")
BIN_KPC = 0.25  # in R, to see how much of v_phi follows R
CLEARLY = 0.1  # share of the variance by which the other index order must follow R better
MAX_AXIS = 100_000


class GridMap(NamedTuple):
    """Cells with data of a map, each array of shape (n,): number of the cell, X, Y [kpc] and value."""

    cell: NDArray[np.int64]
    X_kpc: Array
    Y_kpc: Array
    value: Array


def load_array(path: Path) -> Array:
    """Return the array of a .npy file as float64, of any byte order; pickled objects are refused.

    Raises
    ------
    DiscatlasError
        For a file that is missing, empty, a web page, truncated, no .npy file, or without real numbers.
    """
    check_file(path, ".npy")
    with path.open("rb") as stream:
        if stream.read(6) != b"\x93NUMPY":
            raise DiscatlasError(f"{path}: is no .npy file (its first bytes differ); give an array saved by numpy.save")
    with whole_file(path, ".npy"):
        array = np.load(path, allow_pickle=False)
    if array.dtype.kind not in "fiu":
        raise DiscatlasError(f"{path}: holds values of type {array.dtype}, expected real numbers")
    return array.astype(np.float64)


def read_axis(name: str, spec: Mapping[str, float] | Path) -> Array:
    """Return the centres of cells along one axis [kpc], from a .npy file or as n numbers from start to stop.

    Parameters
    ----------
    name : str
        What it is called in messages, such as ``x_kpc``.
    spec : Path or mapping
        A file with one array of one dimension, or ``{"start": ..., "stop": ..., "n": ...}``, both ends included.

    Raises
    ------
    DiscatlasError
        For a bad file or mapping, and numbers that are not finite and growing.
    """
    if isinstance(spec, Mapping):
        axis, where = _declared_axis(name, spec), name
    else:
        axis, where = load_array(spec), f"{name}: {spec}"
        if axis.ndim != 1:
            raise DiscatlasError(f"{where}: has shape {axis.shape}, expected one dimension of cell centres")
    bad = np.flatnonzero(~np.isfinite(axis))
    if bad.size:
        raise DiscatlasError(f"{where}: entry {bad[0]} is {axis[bad[0]]:g}, expected finite centres in kpc")
    if axis.size < 2 or not (np.diff(axis) > 0).all():
        at = int(np.argmax(np.diff(axis) <= 0)) if axis.size > 1 else 0
        got = f"{axis[at]:g} before {axis[at + 1]:g}" if axis.size > 1 else f"{axis.size} entries"
        raise DiscatlasError(f"{where}: got {got}, expected two or more centres that grow")
    return axis


def read_grid_map(
    path: Path,
    x_kpc: Array,
    y_kpc: Array,
    *,
    frame: str,
    index: str,
    no_data: float | None = None,
    R0_kpc: float | None = None,
) -> GridMap:
    """Return the cells with data of a map.

    Parameters
    ----------
    path : Path
        An array of two dimensions.
    x_kpc, y_kpc : ndarray, shapes (n_x,) and (n_y,)
        Centres of the cells in the frame of the file.
    frame : str
        One of `FRAMES`: ``galactocentric`` is ours (X toward the centre, the Sun at negative X), ``khalil2025`` has
        x = -X, ``heliocentric`` x = X + R0 from the Sun; y = Y along rotation in all.
    index : str
        ``xy`` where the array is indexed [ix, iy], ``yx`` where it is [iy, ix].
    no_data : float, optional
        Cells that hold exactly this value have no data; NaN always means that.
    R0_kpc : float, optional
        Distance to the centre, needed by ``heliocentric``.

    Raises
    ------
    DiscatlasError
        For a bad file, an unknown frame or order, a shape that is not that of the axes, an infinite value, no cell with
        data, and a map that lies wholly on the far side of the centre.
    """
    check_frame(frame, index, R0_kpc)
    values = _oriented(path, load_array(path), x_kpc.size, y_kpc.size, index)
    has_data = ~np.isnan(values) & (values != no_data if no_data is not None else True)
    if not has_data.any():
        raise DiscatlasError(f"{path}: none of {values.size:,} cells has data (no_data = {no_data})")
    bad = np.argwhere(np.isinf(values) & has_data)
    if bad.size:
        raise DiscatlasError(
            f"{path}: {len(bad):,} cells are infinite (first: x {x_kpc[bad[0, 0]]:g}, y {y_kpc[bad[0, 1]]:g})"
        )
    x, y = np.meshgrid(x_kpc, y_kpc, indexing="ij")
    X = {"galactocentric": x, "khalil2025": -x, "heliocentric": x - (R0_kpc or 0.0)}[frame][has_data]
    if (X > 0).all():
        raise DiscatlasError(
            f"{path}: every cell lies beyond the Galactic centre (X {X.min():g} to {X.max():g} kpc) in frame {frame!r}; "
            "the Sun is at negative X: is it another frame?"
        )
    return GridMap(np.flatnonzero(has_data), X, y[has_data], values[has_data])


def check_frame(frame: str, index: str, R0_kpc: float | None) -> None:
    """Raise a DiscatlasError for an unknown frame or index order, and for a heliocentric map without R0."""
    for what, given, known in (("frame", frame, FRAMES), ("index", index, INDICES)):
        if given not in known:
            raise DiscatlasError(
                f"published map: unknown {what} {given!r}{nearest(given, known)}; expected one of {', '.join(known)}"
            )
    if frame == "heliocentric" and not (R0_kpc is not None and 0 < R0_kpc < np.inf):
        raise DiscatlasError(f"published map: frame heliocentric needs R0_kpc above zero, got {R0_kpc}")


def check_rotation(where: str, cells: GridMap, x_kpc: Array, y_kpc: Array) -> dict[str, float]:
    """Hold a map of v_phi against rotation: positive, and following R rather than what the other index order makes of R.

    Returns the share of the variance of v_phi that a mean curve over R explains, ``explained_by_R``, and the gradient of
    a plane through the map, ``gradient_X_kms_kpc`` and ``gradient_Y_kms_kpc``: at the Sun's side v_phi changes with X.

    Raises
    ------
    DiscatlasError
        For a map that is negative in most cells, and one that follows R clearly better with its indices exchanged.
    """
    X, Y, v_phi = cells.X_kpc, cells.Y_kpc, cells.value
    if np.median(v_phi) < 0:
        raise DiscatlasError(
            f"{where}: v_phi is negative in most cells (median {np.median(v_phi):.1f} km/s); here it is positive with "
            "rotation: change the sign in the file, or is it another quantity?"
        )
    design = np.stack([np.ones(X.size), X, Y], axis=1)
    _, along_X, along_Y = np.linalg.lstsq(design, v_phi, rcond=None)[0]
    explained = _explained(np.hypot(X, Y), v_phi)
    if x_kpc.size == y_kpc.size:
        i, j = np.divmod(cells.cell, y_kpc.size)
        # the same file with its indices exchanged: X belongs to j, Y to i
        X_of, Y_of = np.full(x_kpc.size, np.nan), np.full(y_kpc.size, np.nan)
        X_of[i], Y_of[j] = X, Y
        R = np.hypot(X_of[j], Y_of[i])
        known = np.isfinite(R)
        other = _explained(R[known], v_phi[known])
        if other > explained + CLEARLY:
            raise DiscatlasError(
                f"{where}: v_phi follows R in {100 * max(explained, 0):.0f} % of its variance, with x and y exchanged in "
                f"{100 * other:.0f} % (gradient {along_X:+.2f} along X, {along_Y:+.2f} km/s/kpc along Y): the index order "
                "is the other one, set index to yx instead of xy, or the reverse"
            )
    return {
        "explained_by_R": float(explained),
        "gradient_X_kms_kpc": float(along_X),
        "gradient_Y_kms_kpc": float(along_Y),
    }


def map_columns(cells: GridMap, quantity: str, error_name: str, error: float | None) -> dict[str, Any]:
    """Return the columns of the contract ``published_map`` for one quantity; `error` is that of each cell."""
    R, phi = cylindrical_position(cells.X_kpc, cells.Y_kpc)
    n = cells.cell.size
    return {
        "cell": cells.cell,
        "X_kpc": cells.X_kpc,
        "Y_kpc": cells.Y_kpc,
        "R_kpc": R,
        "phi_deg": phi,
        "n_stars": np.ma.masked_all(n, np.int64),
        quantity: cells.value,
        error_name: np.full(n, np.nan if error is None else error),
    }


def _declared_axis(name: str, spec: Mapping[str, float]) -> Array:
    if sorted(spec) != ["n", "start", "stop"]:
        raise DiscatlasError(f"{name}: got {', '.join(map(str, spec)) or 'nothing'}, expected start, stop and n")
    n = spec["n"]
    if n != int(n) or not 2 <= n <= MAX_AXIS:
        raise DiscatlasError(f"{name}: got n {n}, expected a whole number from 2 to {MAX_AXIS:,}")
    return np.linspace(float(spec["start"]), float(spec["stop"]), int(n))


def _oriented(path: Path, values: Array, n_x: int, n_y: int, index: str) -> Array:
    """Return the values indexed [ix, iy], unless their shape is not that of the axes."""
    if values.ndim != 2:
        raise DiscatlasError(f"{path}: has {values.ndim} dimensions (shape {values.shape}), expected two, x and y")
    expected = (n_x, n_y) if index == "xy" else (n_y, n_x)
    if values.shape != expected:
        hint = "; the index order may be the other one" if values.shape == expected[::-1] else ""
        raise DiscatlasError(
            f"{path}: has shape {values.shape}, expected {expected} for {n_x} centres in x, {n_y} in y and index {index!r}{hint}"
        )
    return values if index == "xy" else values.T


def _explained(R: Array, values: Array) -> float:
    """Return the share of the variance that the means of bins of R explain."""
    number = np.floor(R / BIN_KPC).astype(np.int64)
    n = np.bincount(number)
    means = np.bincount(number, values) / np.maximum(n, 1)
    total = np.sum((values - values.mean()) ** 2)
    return 1.0 - float(np.sum((values - means[number]) ** 2) / total) if total > 0 else 0.0
