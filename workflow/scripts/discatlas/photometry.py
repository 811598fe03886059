"""Magnitudes of stars: bolometric corrections, and the magnitude of Gaia's velocity spectrometer.

Absolute magnitudes are M_band = Mbol_sun - 2.5 log10(L/Lsun) - BC_band(Teff, log g, [Fe/H]) in Vega systems: Gaia EDR3
G, BP and RP and 2MASS J, H and Ks. The table is a CSV file under ``resources``; its comment lines name the sources.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
BANDS = ("G", "BP", "RP", "J", "H", "Ks")
MBOL_SUN_MAG = 4.74  # IAU 2015 Resolution B2 (Mamajek et al. 2015, arXiv:1510.06262), as in MIST's corrections
GRVS_COLOURS = (-0.15, 1.2, 1.7)  # G - RP: limits of the two polynomials
GRVS_BLUE = (-0.0397, -0.2852, -0.0330, -0.0867)  # of G - RP, by rising power
GRVS_RED = (-4.0618, 10.0187, -9.0532, 2.6089)


@dataclass(frozen=True)
class BolometricCorrections:
    """Corrections [mag] on a rectangular grid: `values` has the shape (n_feh, n_teff, n_logg, 6), bands as in `BANDS`."""

    feh_dex: Array
    log_teff: Array
    logg_dex: Array
    values: Array


def read_bolometric_corrections(path: Path) -> BolometricCorrections:
    """Read the table with the columns feh_dex, teff_K, logg_dex and ``BC_{band}_mag`` for each of `BANDS`.

    Raises
    ------
    DiscatlasError
        If the file is missing, lacks a column or a node, or holds what is no number.
    """
    names = ("feh_dex", "teff_K", "logg_dex")
    axes, values = _read_grid(path, names, [f"BC_{band}_mag" for band in BANDS])
    return BolometricCorrections(axes[0], np.log10(axes[1]), axes[2], values)


def absolute_magnitudes(
    corrections: BolometricCorrections,
    log_luminosity_dex: ArrayLike,
    teff_K: ArrayLike,
    logg_dex: ArrayLike,
    feh_dex: ArrayLike,
) -> tuple[dict[str, Array], int]:
    """Return the absolute magnitudes ``M_{band}_mag``, shape (n,) each, and the number of stars beyond the table.

    Interpolation is linear in log Teff, log g and [Fe/H]; beyond the table's edges the edge counts. NaN stays NaN.
    """
    log_teff = np.log10(np.asarray(teff_K, dtype=np.float64))
    points = np.broadcast_arrays(feh_dex, log_teff, logg_dex, log_luminosity_dex)
    *points, log_luminosity = (np.atleast_1d(np.asarray(point, dtype=np.float64)) for point in points)
    axes = (corrections.feh_dex, corrections.log_teff, corrections.logg_dex)
    correction = _interpolate(corrections.values, axes, points)
    outside = np.any([(x < axis[0]) | (x > axis[-1]) for axis, x in zip(axes, points, strict=True)], axis=0)
    mbol = MBOL_SUN_MAG - 2.5 * log_luminosity
    return {f"M_{band}_mag": mbol - correction[:, b] for b, band in enumerate(BANDS)}, int(outside.sum())


def grvs_magnitude(G_mag: ArrayLike, RP_mag: ArrayLike) -> Array:
    """Return G_RVS [mag] from G and RP: the polynomials of Sartoretti et al. 2023 (A&A 674, A6) in G - RP.

    They hold for -0.15 <= G - RP <= 1.7; beyond, G_RVS - RP keeps the value of the edge.
    """
    RP = np.asarray(RP_mag, dtype=np.float64)
    colour = np.clip(np.asarray(G_mag, dtype=np.float64) - RP, GRVS_COLOURS[0], GRVS_COLOURS[2])
    blue, red = (np.polynomial.polynomial.polyval(colour, terms) for terms in (GRVS_BLUE, GRVS_RED))
    return RP + np.where(colour <= GRVS_COLOURS[1], blue, red)


def _interpolate(values: Array, axes: Sequence[Array], points: Sequence[Array]) -> Array:
    """Multilinear interpolation, shape (n, n_band); each coordinate is held within its axis."""
    places, weights = [], []
    for axis, x in zip(axes, points, strict=True):
        place = np.clip(np.searchsorted(axis, x, side="right") - 1, 0, axis.size - 2)
        places.append(place)
        weights.append(np.clip((x - axis[place]) / (axis[place + 1] - axis[place]), 0.0, 1.0))
    total = np.zeros((points[0].size, values.shape[-1]))
    for corner in product((0, 1), repeat=len(axes)):
        weight = np.ones(points[0].size)
        for step, w in zip(corner, weights, strict=True):
            weight *= w if step else 1.0 - w
        total += weight[:, None] * values[tuple(place + step for place, step in zip(places, corner, strict=True))]
    return total


def _read_grid(path: Path, axes: Sequence[str], names: Sequence[str]) -> tuple[list[Array], Array]:
    """Return the axes of a table of nodes in any order, and its columns on them, shape (n_axis, ..., n_name)."""
    columns = _read_columns(path, [*axes, *names])
    nodes, places = zip(*(np.unique(columns[axis], return_inverse=True) for axis in axes), strict=True)
    values = np.full((*(node.size for node in nodes), len(names)), np.nan)
    values[tuple(places)] = np.column_stack([columns[name] for name in names])
    n_nodes = values[..., 0].size
    if np.isnan(values).any() or columns[axes[0]].size != n_nodes:
        got = f"{columns[axes[0]].size:,} rows for {n_nodes:,} nodes of {', '.join(axes)}"
        raise DiscatlasError(f"{path}: {got}; expected each node once")
    return list(nodes), values


def _read_columns(path: Path, names: Sequence[str]) -> Mapping[str, Array]:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise DiscatlasError(f"{path}: no such file (the table of bolometric corrections)") from None
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    columns = {}
    for name in names:
        if not rows or name not in rows[0]:
            raise DiscatlasError(f"{path}: no column {name!r}; it has: {', '.join(map(str, rows[0] if rows else ()))}")
        try:
            columns[name] = np.array([float(row[name]) for row in rows])
        except (TypeError, ValueError):
            bad = next(row[name] for row in rows if not _is_number(row[name]))
            raise DiscatlasError(f"{path}: column {name!r} holds {bad!r}, expected a number") from None
    return columns


def _is_number(text: str | None) -> bool:
    try:
        return text is not None and np.isfinite(float(text))
    except ValueError:
        return False
