"""Stellar parameters from MIST isochrones (rotating, v/vcrit = 0.4), interpolated at fixed evolutionary point.

The grid is a file of the package ``lachesis-grids``: 15 [Fe/H] from -4 to 0.5 and 107 ages, log10(age/yr) from 5 to
10.3 by 0.05. Its name says MIST v2.5; the package states neither a licence nor an origin. Initial masses begin at 0.1
solar masses, but at 0.5 to 0.6 beyond [Fe/H] = 0.25, and at up to 2.7 below 1 Myr.

A row of an isochrone is an equivalent evolutionary point (EEP, Dotter 2016, Sect. 2): the same stage of life, whatever
the mass. Between four isochrones the logarithm of the initial mass, log Teff, log g, log L and the fraction of the mass
that is left are interpolated linearly in [Fe/H] and log age at equal EEP; then the initial mass of a star is looked up
in the mixture. Interpolating at equal mass instead would mix stages of life near the turn-off.

Post-AGB stars and white dwarfs are left out: past the last EEP of its isochrone a star counts as dead. The few rows
that the file lacks inside an isochrone are filled linearly in EEP.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discatlas import isochrone_kernels as kernels
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
FILE = "mist_v2.5_vvcrit0.4.h5"
COLUMNS = ("log_Teff", "log_g", "log_L", "star_mass", "phase")  # read in the order of the kernels' columns
EEP_ZAMS, EEP_TAMS, EEP_LAST = 202, 454, 1408  # Choi et al. 2016, Table 2; the last point of the thermally pulsing AGB
SAME = 1e-4  # [dex] how well an age of the rows (single precision) and of the axis agree

CITATIONS = (
    "Choi et al. 2016, ApJ 823, 102 (MIST I: solar-scaled models)",
    "Dotter 2016, ApJS 222, 8 (MIST 0: isochrones from evolutionary points)",
    "Paxton et al. 2011, ApJS 192, 3 (MESA)",
    "Paxton et al. 2013, ApJS 208, 4 (MESA)",
    "Paxton et al. 2015, ApJS 220, 15 (MESA)",
    "Paxton et al. 2018, ApJS 234, 34 (MESA)",
)


@dataclass(frozen=True)
class IsochroneGrid:
    """Isochrones on a rectangular grid of [Fe/H] and age, ready for the kernels.

    Attributes
    ----------
    feh_dex, log_age : ndarray, shapes (n_feh,) and (n_age,)
        Nodes: initial [Fe/H] [dex] and log10(age/yr), growing.
    extent : ndarray of int32, shape (n_feh, n_age, 2)
        First and last row of each isochrone; row r is EEP r + 1.
    log_mass : ndarray, shape (n_feh, n_age, n_row)
        Natural logarithm of the initial mass [msun], never falling along the rows.
    values : ndarray of float32, shape (n_feh, n_age, n_row, 5)
        log10(Teff/K), log g [dex], log10(L/Lsun), current mass over initial mass, phase.
    """

    feh_dex: Array
    log_age: Array
    extent: NDArray[np.int32]
    log_mass: Array
    values: NDArray[np.float32]


class Isochrone(NamedTuple):
    """One isochrone, arrays of shape (n,) over the EEPs that it has; `phase` is MIST's, -1 (PMS) to 9 (Wolf-Rayet)."""

    eep: NDArray[np.int64]
    initial_mass_msun: Array
    mass_msun: Array
    teff_K: Array
    logg_dex: Array
    log_luminosity_dex: Array
    phase: Array


class StarParameters(NamedTuple):
    """Parameters of stars, arrays of shape (n,); NaN where `is_alive` is False or the grid has no so low a mass."""

    teff_K: Array
    logg_dex: Array
    log_luminosity_dex: Array
    mass_msun: Array
    phase: Array
    is_alive: NDArray[np.bool_]


class LivingMasses(NamedTuple):
    """Initial masses [msun] of isochrones, shape (n,): lowest in the grid, at the end of the main sequence, at the tip.

    An isochrone that ends on the main sequence (the youngest do) has `turnoff` equal to `tip`.
    """

    lowest: Array
    turnoff: Array
    tip: Array


def grid_file() -> Path:
    """Return the path of the MIST grid in the installed package ``lachesis-grids``.

    Raises
    ------
    DiscatlasError
        If the package is not installed or holds no such file.
    """
    try:
        import lachesis_grids
    except ModuleNotFoundError:
        raise DiscatlasError(
            "the isochrones need the package lachesis-grids, which is not installed; install it: pip install lachesis-grids"
        ) from None
    path = Path(lachesis_grids.__file__).parent / "grids" / FILE
    if not path.exists():
        raise DiscatlasError(f"{path}: no such file; lachesis-grids 0.0.9 has it: pip install lachesis-grids==0.0.9")
    return path


def load_isochrones(
    feh_range: tuple[float, float] = (-4.0, 0.5), log_age_range: tuple[float, float] = (5.0, 10.3)
) -> IsochroneGrid:
    """Read the isochrones that bracket a range of [Fe/H] [dex] and of log10(age/yr).

    Raises
    ------
    DiscatlasError
        If the package is missing, a range is empty or leaves the grid, or the file is not what it should be.
    """
    import h5py

    path = grid_file()
    with h5py.File(path) as file:
        feh, log_age = (np.asarray(file[name][:], dtype=np.float64) for name in ("feh_values", "age_values"))
        names = [str(name) for name in file.attrs["columns"]]
        column = {name: file["values"][:, names.index(name)] for name in ("age", "initial_mass", *COLUMNS)}
        offsets, lengths = file["offsets"][:], file["lengths"][:]
    starts = np.cumsum(lengths) - lengths
    blocks = _find_blocks(column["age"][starts], feh.size, log_age, str(path))
    _check_metallicity_order(column, starts, lengths, blocks[:, np.argmin(np.abs(log_age - 9.65))], str(path))
    _fill_gaps(column)
    i, j = _nodes(feh, feh_range, "[Fe/H]"), _nodes(log_age, log_age_range, "log age")
    return _build(feh[i], log_age[j], blocks[i, j], column, starts, lengths, offsets)


def _find_blocks(first_age: Array, n_feh: int, log_age: Array, where: str) -> NDArray[np.int64]:
    """Return the number of the block of each ([Fe/H], age), from the ages that stand in the rows themselves.

    The rows hold no [Fe/H]: blocks of the same age follow one another in the order of the axis, which
    `_check_metallicity_order` verifies.
    """
    age = np.argmin(np.abs(first_age[:, None] - log_age), axis=1)
    counts = np.bincount(age, minlength=log_age.size)
    if np.abs(first_age - log_age[age]).max() > SAME or (counts != n_feh).any():
        raise DiscatlasError(f"{where}: the ages of its rows are not those of its axis; install lachesis-grids 0.0.9")
    return np.argsort(age, kind="stable").reshape(log_age.size, n_feh).T


def _check_metallicity_order(
    column: dict[str, Array], starts: Array, lengths: Array, blocks: Array, where: str
) -> None:
    """Raise unless a star of one solar mass on the main sequence is the cooler the higher its [Fe/H], in order."""
    teff = []
    for block in blocks:
        rows = slice(starts[block], starts[block] + lengths[block])
        alive = np.flatnonzero(column["phase"][rows] == 0)
        teff.append(np.interp(1.0, column["initial_mass"][rows][alive], column["log_Teff"][rows][alive]))
    if not (np.diff(teff) < 0).all():
        raise DiscatlasError(f"{where}: its blocks are not in the order of [Fe/H]; install lachesis-grids 0.0.9")


def _fill_gaps(column: dict[str, Array]) -> None:
    """Fill rows without a star linearly in EEP; each isochrone begins and ends with a star. The phase is the one before."""
    missing = np.isnan(column["initial_mass"])
    rows, known = np.flatnonzero(missing), np.flatnonzero(~missing)
    before = known[np.searchsorted(known, rows) - 1]
    for name, values in column.items():
        values[rows] = values[before] if name in ("phase", "age") else np.interp(rows, known, values[known])


def _nodes(axis: Array, wanted: tuple[float, float], name: str) -> slice:
    """Return the slice of the nodes that bracket `wanted`, two at least."""
    low, high = wanted
    if not axis[0] <= low <= high <= axis[-1]:
        raise DiscatlasError(
            f"isochrones: {name} from {low:g} to {high:g} is not within the grid's {axis[0]:g} to {axis[-1]:g}; narrow the range"
        )
    first = min(np.searchsorted(axis, low + SAME, side="right") - 1, axis.size - 2)
    last = max(np.searchsorted(axis, high - SAME), first + 1)
    return slice(first, last + 1)


def _build(
    feh: Array,
    log_age: Array,
    blocks: NDArray[np.int64],
    column: dict[str, Array],
    starts: Array,
    lengths: Array,
    offsets: Array,
) -> IsochroneGrid:
    shape = (feh.size, log_age.size, EEP_LAST)
    extent = np.empty((*shape[:2], 2), dtype=np.int32)
    log_mass, values = np.full(shape, np.nan), np.full((*shape, len(COLUMNS)), np.nan, dtype=np.float32)
    for place, block in np.ndenumerate(blocks):
        first = int(offsets[block]) - 1  # EEP 1 is row 0
        n = min(int(lengths[block]), EEP_LAST - first)
        rows = slice(int(starts[block]), int(starts[block]) + n)
        mass = column["initial_mass"][rows].astype(np.float64)
        extent[place] = first, first + n - 1
        log_mass[place][first : first + n] = np.log(mass)
        for c, name in enumerate(COLUMNS):
            part = column[name][rows]
            values[place][first : first + n, c] = part / mass if name == "star_mass" else part
    return IsochroneGrid(feh, log_age, extent, log_mass, values)


def isochrone(grid: IsochroneGrid, log_age: float, feh_dex: float) -> Isochrone:
    """Return the isochrone at log10(age/yr) and [Fe/H] [dex], over the EEPs that all of its neighbours have."""
    _check_within(grid, np.array([log_age]), np.array([feh_dex]))
    first, log_mass, table = kernels.mix_isochrone(*_arrays(grid), grid.values, float(feh_dex), float(log_age))
    initial = np.exp(log_mass)
    return Isochrone(
        eep=first + 1 + np.arange(initial.size),
        initial_mass_msun=initial,
        mass_msun=initial * table[:, kernels.MASS_FRACTION],
        teff_K=10.0 ** table[:, kernels.LOG_TEFF],
        logg_dex=table[:, kernels.LOGG],
        log_luminosity_dex=table[:, kernels.LOG_LUMINOSITY],
        phase=table[:, kernels.PHASE],
    )


def star_parameters(
    grid: IsochroneGrid, initial_mass_msun: ArrayLike, log_age: ArrayLike, feh_dex: ArrayLike
) -> StarParameters:
    """Return the parameters of stars of given initial mass [msun], log10(age/yr) and [Fe/H] [dex], shapes (n,).

    Stars above the last mass of their isochrone are dead. The result is the same for any number of threads.

    Raises
    ------
    DiscatlasError
        If an age or [Fe/H] lies outside the grid.
    """
    mass, age, feh = _as_arrays(initial_mass_msun, log_age, feh_dex)
    _check_within(grid, age, feh)
    table, is_alive = kernels.sample_at_mass(*_arrays(grid), grid.values, feh, age, np.log(mass))
    return StarParameters(
        teff_K=10.0 ** table[:, kernels.LOG_TEFF],
        logg_dex=table[:, kernels.LOGG].copy(),
        log_luminosity_dex=table[:, kernels.LOG_LUMINOSITY].copy(),
        mass_msun=mass * table[:, kernels.MASS_FRACTION],
        phase=table[:, kernels.PHASE].copy(),
        is_alive=is_alive,
    )


def living_masses(grid: IsochroneGrid, log_age: ArrayLike, feh_dex: ArrayLike) -> LivingMasses:
    """Return the range of initial masses alive at log10(age/yr) and [Fe/H] [dex], and where the main sequence ends."""
    age, feh = _as_arrays(log_age, feh_dex)
    _check_within(grid, age, feh)
    masses = np.exp(kernels.masses_at_rows(*_arrays(grid), feh, age, EEP_TAMS - 1))
    return LivingMasses(*masses.T.copy())


def _arrays(grid: IsochroneGrid) -> tuple[NDArray, ...]:
    return grid.feh_dex, grid.log_age, grid.extent, grid.log_mass


def _as_arrays(*values: ArrayLike) -> list[Array]:
    broadcast = np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in values))
    return [np.ascontiguousarray(value) for value in broadcast]


def _check_within(grid: IsochroneGrid, log_age: Array, feh_dex: Array) -> None:
    for name, axis, values in (("log age", grid.log_age, log_age), ("[Fe/H]", grid.feh_dex, feh_dex)):
        outside = np.flatnonzero(~((values >= axis[0]) & (values <= axis[-1])))
        if outside.size:
            raise DiscatlasError(
                f"isochrones: {name} {values[outside[0]]:g} (and {outside.size - 1:,} more) is outside the loaded grid, "
                f"{axis[0]:g} to {axis[-1]:g}; load a wider range or clip the values"
            )
