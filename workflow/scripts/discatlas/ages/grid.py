"""Isochrones on a declared grid of log age and [Fe/H], ready for the integral: points, masses between them, boxes.

Between the [Fe/H] and ages that a grid has, its isochrones are interpolated at equal evolutionary point (EEP), the
initial mass in its logarithm (Dotter 2016, ApJS 222, 8). M_Ks is that of the file, or from the luminosity with the
bolometric corrections of MIST (Choi et al. 2016, ApJ 823, 102), which reach 50,000 K. Hotter stars radiate in Ks as the
temperature and in all as its fourth power (Rayleigh and Jeans), so the correction goes on by -7.5 log10(Teff); between
the last two temperatures of the table it falls by 7.7 per dex. Beyond its other edges the edge counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from discatlas.ages.kernels import BLOCK, GROUP
from discatlas.ages.mist_files import MistFile, read_folder
from discatlas.errors import DiscatlasError, nearest
from discatlas.isochrones import EEP_LAST, IsochroneGrid, isochrone, load_isochrones
from discatlas.photometry import BolometricCorrections, absolute_magnitudes

Array = NDArray[np.float64]
GRIDS = ("lachesis", "mist")
OBSERVABLES = ("teff_K", "logg_dex", "M_Ks_mag")
RAYLEIGH_JEANS = 7.5  # magnitudes that Ks is fainter at the same luminosity, per dex in Teff
SAME = 1e-4  # [dex] how well an age of a file and one of the grid agree
LEAST_AGES = 5  # that the interpolation of the posterior needs


@dataclass(frozen=True)
class Points:
    """One isochrone: EEP, initial mass [msun], and `OBSERVABLES`, shape (n, 3)."""

    eep: NDArray[np.int64]
    mass_msun: Array
    values: Array


@dataclass(frozen=True)
class AgeGrid:
    """Isochrones at uniform nodes of log10(age/yr) and [Fe/H] [dex].

    Attributes
    ----------
    log_age, feh_dex : ndarray, shapes (n_age,) and (n_feh,)
    isochrones : list of lists of Points
        First index age, second [Fe/H].
    arrays : tuple
        What `kernels.marginal_likelihood` takes: points of all isochrones one after the other, shape (n, 3); the
        integral of the mass function from each to the next (zero at the end of an isochrone), shape (n,); first and
        last group and block of each isochrone, shape (n_age, n_feh, 4); lower and upper corner of the groups; first
        and last segment of the blocks, shape (n_block, 2), and their corners.
    n_beyond : int
        Points beyond the table of bolometric corrections.
    """

    log_age: Array
    feh_dex: Array
    isochrones: list[list[Points]]
    arrays: tuple
    n_beyond: int


def grid_nodes(axis: Sequence[float], name: str) -> Array:
    """Return the nodes of (first, last, step).

    Raises
    ------
    DiscatlasError
        If the steps do not fit between first and last.
    """
    first, last, step = axis
    n = round((last - first) / step) if step > 0 else -1
    if n < 1 or abs(first + n * step - last) > SAME:
        raise DiscatlasError(f"ages: {name} is {list(axis)}; expected first, last and a step that fits between them")
    return np.round(first + step * np.arange(n + 1), 9)


def load_grid(
    kind: str,
    folder: Path | None,
    log_age: Sequence[float],
    feh_dex: Sequence[float],
    imf_slope: float,
    corrections: BolometricCorrections | None,
) -> AgeGrid:
    """Read a grid of isochrones and interpolate it onto the declared nodes.

    Parameters
    ----------
    kind : str
        ``lachesis`` (the installed package, `discatlas.isochrones`) or ``mist`` (files in `folder`, `mist_files`).
    log_age, feh_dex : sequence of float
        First node, last node and step [dex].
    imf_slope : float
        a in xi(m) = m^-a.
    corrections : BolometricCorrections, optional
        For magnitudes from luminosities; without them M_Ks is NaN, which only figures may use.

    Raises
    ------
    DiscatlasError
        For an unknown kind, nodes beyond the isochrones, fewer than 5 ages, or files that lack what is needed.
    """
    ages, metallicities = grid_nodes(log_age, "log_age"), grid_nodes(feh_dex, "feh_dex")
    if ages.size < LEAST_AGES:
        raise DiscatlasError(f"ages: log_age is {list(log_age)}, {ages.size} nodes; expected {LEAST_AGES} or more")
    make = _read_tables(kind, folder, ages, metallicities)
    return build_grid(ages, metallicities, make, imf_slope, corrections)


def isochrone_lines(kind: str, folder: Path | None, log_ages: Sequence[float], feh_dex: float) -> list[Points]:
    """Return isochrones of one [Fe/H] [dex] for figures, without M_Ks; errors as of `load_grid`."""
    ages = np.asarray(log_ages, dtype=np.float64)
    rows = _read_tables(kind, folder, ages, np.array([float(feh_dex)]))
    return [Points(t[:, 0].astype(np.int64), t[:, 1], np.column_stack([10.0 ** t[:, 2], t[:, 3]])) for (t,) in rows]


def _read_tables(kind: str, folder: Path | None, ages: Array, metallicities: Array) -> list[list[Array]]:
    """Return the tables of the isochrones at all nodes, first index age."""
    if kind == "lachesis":
        source = load_isochrones((metallicities.min(), metallicities.max()), (ages.min(), ages.max()))
        return [[_from_package(source, age, feh) for feh in metallicities] for age in ages]
    if kind == "mist":
        if folder is None:
            raise DiscatlasError("ages: grid 'mist' needs grid_folder, the folder of its files; or set grid: lachesis")
        return _from_files(read_folder(folder), ages, metallicities)
    raise DiscatlasError(f"ages: grid {kind!r} is unknown{nearest(kind, GRIDS)}; expected one of {', '.join(GRIDS)}")


def build_grid(
    log_age: Array,
    feh_dex: Array,
    tables: list[list[Array]],
    imf_slope: float,
    corrections: BolometricCorrections | None,
) -> AgeGrid:
    """Return the grid of isochrones given as tables, first index age, second [Fe/H].

    A table has the columns EEP, initial mass, log10(Teff/K), log g, log10(L/Lsun), M_Ks (see `MistFile`).
    """
    isochrones, n_beyond = [], 0
    for row in tables:
        isochrones.append([])
        for feh, table in zip(feh_dex, row, strict=True):
            M_Ks = table[:, 5]
            if np.isnan(M_Ks).any() and corrections is not None:
                magnitudes, outside = absolute_magnitudes(
                    corrections, table[:, 4], 10.0 ** table[:, 2], table[:, 3], feh
                )
                hotter = np.maximum(table[:, 2] - corrections.log_teff[-1], 0.0)
                M_Ks, n_beyond = magnitudes["M_Ks_mag"] + RAYLEIGH_JEANS * hotter, n_beyond + outside
            values = np.column_stack([10.0 ** table[:, 2], table[:, 3], M_Ks])
            isochrones[-1].append(Points(table[:, 0].astype(np.int64), table[:, 1], values))
    return AgeGrid(log_age, feh_dex, isochrones, _pack(isochrones, imf_slope), n_beyond)


def mass_integrals(mass_msun: Array, imf_slope: float) -> Array:
    """Return the integral of m^-a from each point to the next, zero after the last, shape (n,)."""
    power = 1.0 - imf_slope
    primitive = np.log(mass_msun) if power == 0.0 else mass_msun**power / power
    return np.append(np.maximum(np.diff(primitive), 0.0), 0.0)


def _pack(isochrones: list[list[Points]], imf_slope: float) -> tuple:
    points = np.concatenate([one.values for row in isochrones for one in row])
    masses = np.concatenate([mass_integrals(one.mass_msun, imf_slope) for row in isochrones for one in row])
    shape = len(isochrones), len(isochrones[0])
    groups, blocks = np.empty((*shape, 4), np.int64), []
    n_group = start = 0
    group_blocks = []
    for place in np.ndindex(shape):
        n = isochrones[place[0]][place[1]].mass_msun.size
        first = len(blocks)
        blocks += [(start + p, start + min(p + BLOCK, n - 1)) for p in range(0, n - 1, BLOCK)]
        firsts = range(first, len(blocks), GROUP)
        group_blocks += [(b, min(b + GROUP, len(blocks))) for b in firsts]
        groups[place] = n_group, n_group + len(firsts), first, len(blocks)
        n_group, start = n_group + len(firsts), start + n
    blocks = np.array(blocks, np.int64)
    corners = [np.array([points[a : b + 1].min(axis=0) for a, b in blocks])]
    corners.append(np.array([points[a : b + 1].max(axis=0) for a, b in blocks]))
    group_low = np.array([corners[0][a:b].min(axis=0) for a, b in group_blocks])
    group_high = np.array([corners[1][a:b].max(axis=0) for a, b in group_blocks])
    return points, masses, groups, group_low, group_high, blocks, *corners


def _from_package(source: IsochroneGrid, log_age: float, feh: float) -> Array:
    one = isochrone(source, log_age, feh)
    unknown = np.full(one.eep.size, np.nan)
    columns = (one.eep, one.initial_mass_msun, np.log10(one.teff_K), one.logg_dex, one.log_luminosity_dex, unknown)
    return np.column_stack(columns)


def _from_files(files: list[MistFile], log_age: Array, feh_dex: Array) -> list[list[Array]]:
    """Return the tables at the nodes, interpolated between the files and their ages."""
    known = np.array([file.feh_dex for file in files])
    feh_weights = [_bracket(known, feh, "[Fe/H]", "files") for feh in feh_dex]
    age_weights = {file.path: [_bracket(file.log_age, age, "log age", file.path) for age in log_age] for file in files}
    tables = []
    for a in range(log_age.size):
        tables.append([])
        for pairs in feh_weights:
            parts = [(w * u, files[j].tables[k]) for j, w in pairs for k, u in age_weights[files[j].path][a]]
            tables[-1].append(_mix(parts))
    return tables


def _bracket(axis: Array, x: float, name: str, where: object) -> list[tuple[int, float]]:
    """Return the nodes about x with their weights; one where x is a node."""
    i = int(np.argmin(np.abs(axis - x)))
    if abs(axis[i] - x) < SAME:
        return [(i, 1.0)]
    if not axis.min() < x < axis.max():
        raise DiscatlasError(
            f"ages: {name} {x:g} is beyond the isochrones ({where}), {axis.min():g} to {axis.max():g}; narrow the grid"
        )
    i = int(np.searchsorted(axis, x)) - 1
    w = (x - axis[i]) / (axis[i + 1] - axis[i])
    return [(i, 1.0 - w), (i + 1, w)]


def _mix(parts: list[tuple[float, Array]]) -> Array:
    """Return the weighted mean of tables over the EEPs that all have, masses in their logarithm; no post-AGB stars."""
    common = parts[0][1][:, 0]
    for _, table in parts[1:]:
        common = np.intersect1d(common, table[:, 0])
    common = common[common <= EEP_LAST]
    if common.size < 2:
        raise DiscatlasError(
            "ages: neighbouring isochrones share no evolutionary points; look at the files of the grid"
        )
    total = np.zeros((common.size, parts[0][1].shape[1]))
    for weight, table in parts:
        rows = table[np.searchsorted(table[:, 0], common)].copy()
        rows[:, 1] = np.log(rows[:, 1])
        total += weight * rows
    total[:, 1] = np.exp(total[:, 1])
    total[:, 0] = common
    return total
