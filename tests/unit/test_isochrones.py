"""MIST isochrones: the nodes as they are in the file, what is between them against withheld nodes, and the Sun."""

import sys

import h5py
import numba
import numpy as np
import pytest

from discatlas.errors import DiscatlasError
from discatlas.isochrones import (
    CITATIONS,
    EEP_LAST,
    EEP_TAMS,
    EEP_ZAMS,
    IsochroneGrid,
    _find_blocks,
    grid_file,
    isochrone,
    living_masses,
    load_isochrones,
    star_parameters,
)
from discatlas.streams import stream_generator

RNG_NAME = "test_isochrones"


@pytest.fixture(scope="module")
def grid():
    return load_isochrones((-1.0, 0.5), (6.0, 10.2))


@pytest.fixture(scope="module")
def raw():
    """The columns of the file, one row per EEP of each isochrone."""
    with h5py.File(grid_file()) as file:
        names = list(file.attrs["columns"])
        columns = {name: file["values"][:, c].astype(float) for c, name in enumerate(names) if name != "delta_nu"}
        return columns | {name: file[name][:] for name in ("feh_values", "age_values", "offsets", "lengths")}


def raw_isochrone(raw, log_age, feh):
    """The rows of one isochrone: the block of that age which is the n-th for the n-th [Fe/H]."""
    starts = np.cumsum(raw["lengths"]) - raw["lengths"]
    same_age = np.flatnonzero(np.abs(raw["age"][starts] - log_age) < 0.01)
    block = same_age[np.flatnonzero(raw["feh_values"] == feh)[0]]
    rows = np.arange(starts[block], starts[block] + raw["lengths"][block])
    rows = rows[np.isfinite(raw["eep"][rows]) & (raw["eep"][rows] <= EEP_LAST)]
    return {name: raw[name][rows] for name in ("eep", "initial_mass", "star_mass", "log_Teff", "log_g", "log_L")}


def thinned(grid, feh, log_age):
    """The grid with only some of its nodes."""
    mass, values = grid.log_mass[feh][:, log_age], grid.values[feh][:, log_age]
    extent = np.ascontiguousarray(grid.extent[feh][:, log_age])
    return IsochroneGrid(
        grid.feh_dex[feh], grid.log_age[log_age], extent, np.ascontiguousarray(mass), np.ascontiguousarray(values)
    )


def compare(true, guess, first_eep, last_eep):
    """Errors of log mass, log Teff, log g and log L at equal EEP, shape (4, n)."""
    eep, i, j = np.intersect1d(true.eep, guess.eep, return_indices=True)
    kept = (eep >= first_eep) & (eep <= last_eep)
    i, j = i[kept], j[kept]
    return np.array(
        [
            np.log10(guess.initial_mass_msun[j] / true.initial_mass_msun[i]),
            np.log10(guess.teff_K[j] / true.teff_K[i]),
            guess.logg_dex[j] - true.logg_dex[i],
            guess.log_luminosity_dex[j] - true.log_luminosity_dex[i],
        ]
    )


def test_axes_are_those_of_the_file_and_blocks_are_found_by_age():
    grid = load_isochrones()
    assert grid.feh_dex.tolist() == [-4, -3.5, -3, -2.5, -2, -1.75, -1.5, -1.25, -1, -0.75, -0.5, -0.25, 0, 0.25, 0.5]
    np.testing.assert_allclose(grid.log_age, np.arange(5.0, 10.31, 0.05), atol=1e-9)
    # whatever the order in which the file runs through ages and metallicities
    by_feh = _find_blocks(np.tile([5.0, 5.05, 5.1], 2), 2, np.array([5.0, 5.05, 5.1]), "x")
    by_age = _find_blocks(np.repeat([5.0, 5.05, 5.1], 2), 2, np.array([5.0, 5.05, 5.1]), "x")
    assert by_feh.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert by_age.tolist() == [[0, 2, 4], [1, 3, 5]]
    with pytest.raises(DiscatlasError, match="not those of its axis"):
        _find_blocks(np.array([5.0, 5.0, 5.1]), 1, np.array([5.0, 5.05, 5.1]), "x")


def test_the_metal_poor_are_hotter(grid):
    """A star of one solar mass on the main sequence: this fixes which block has which [Fe/H]."""
    teff = star_parameters(grid, 0.9, 9.65, grid.feh_dex).teff_K
    assert (np.diff(teff) < -100).all()


@pytest.mark.parametrize(
    ("log_age", "feh"), [(6.0, 0.0), (7.35, -0.25), (8.0, 0.5), (9.2, -1.0), (9.65, 0.0), (10.2, 0.25)]
)
def test_nodes_are_the_rows_of_the_file(grid, raw, log_age, feh):
    true, got = raw_isochrone(raw, log_age, feh), isochrone(grid, log_age, feh)
    row = np.searchsorted(got.eep, true["eep"])
    assert np.array_equal(got.eep[row], true["eep"])
    assert (got.eep[0], got.eep[-1]) == (true["eep"][0], true["eep"][-1])
    np.testing.assert_allclose(got.initial_mass_msun[row], true["initial_mass"], rtol=1e-12)
    np.testing.assert_allclose(got.mass_msun[row], true["star_mass"], rtol=1e-7)  # a single-precision ratio
    for name, values in (
        ("log_Teff", np.log10(got.teff_K)),
        ("log_g", got.logg_dex),
        ("log_L", got.log_luminosity_dex),
    ):
        np.testing.assert_allclose(values[row], true[name], rtol=0, atol=1e-13)
    # and a star of the mass of a row has the parameters of that row
    alone = np.flatnonzero(
        (np.diff(true["initial_mass"], prepend=0) > 1e-6) & (np.diff(true["initial_mass"], append=999) > 1e-6)
    )
    stars = star_parameters(grid, true["initial_mass"][alone], log_age, feh)
    assert stars.is_alive.all()
    np.testing.assert_allclose(np.log10(stars.teff_K), true["log_Teff"][alone], rtol=0, atol=1e-8)
    np.testing.assert_allclose(stars.log_luminosity_dex, true["log_L"][alone], rtol=0, atol=1e-7)


def test_missing_rows_are_filled_between_their_neighbours(grid, raw):
    true, got = raw_isochrone(raw, 9.0, 0.0), isochrone(grid, 9.0, 0.0)
    filled = ~np.isin(got.eep, true["eep"])
    assert filled.sum() == 8
    for values, known in ((np.log10(got.teff_K), true["log_Teff"]), (got.initial_mass_msun, true["initial_mass"])):
        np.testing.assert_allclose(values[filled], np.interp(got.eep[filled], true["eep"], known), rtol=1e-6)


def test_withheld_ages_come_back(grid):
    """Every other age left out, 0.1 dex between nodes instead of 0.05: the errors are up to four times the real ones.

    Measured (rms over [Fe/H] -1 to 0.5, log age 8 to 10.2), in log mass, log Teff, log g, log L at equal EEP:
    main sequence 0.0018, 0.0010, 0.007, 0.009; from its end to that of the early AGB 0.0012, 0.0030, 0.034, 0.026.
    """
    even = np.arange(0, grid.log_age.size, 2)
    coarse = thinned(grid, np.arange(grid.feh_dex.size), even)
    main, giant = [], []
    for k in range(41, 83, 2):  # log age 8.05 to 10.15
        for feh in grid.feh_dex:
            true, guess = isochrone(grid, grid.log_age[k], feh), isochrone(coarse, grid.log_age[k], feh)
            main.append(compare(true, guess, 300, EEP_TAMS))
            giant.append(compare(true, guess, EEP_TAMS, 807))
    rms_main, rms_giant = (np.sqrt(np.mean(np.hstack(errors) ** 2, axis=1)) for errors in (main, giant))
    assert (rms_main < [0.0020, 0.0015, 0.010, 0.012]).all(), rms_main
    assert (rms_giant < [0.0015, 0.005, 0.050, 0.035]).all(), rms_giant


def test_withheld_metallicities_come_back(grid):
    """Only -1, -0.5, 0 and 0.5 kept, 0.5 dex between nodes instead of 0.25; measured as above.

    Main sequence 0.0051, 0.0025, 0.012, 0.016; later 0.0037, 0.0067, 0.038, 0.025.
    """
    coarse = thinned(grid, np.arange(0, 7, 2), np.arange(grid.log_age.size))
    main, giant = [], []
    for log_age in grid.log_age[40:84]:
        for feh in (-0.75, -0.25, 0.25):
            true, guess = isochrone(grid, log_age, feh), isochrone(coarse, log_age, feh)
            main.append(compare(true, guess, 300, EEP_TAMS))
            giant.append(compare(true, guess, EEP_TAMS, 807))
    rms_main, rms_giant = (np.sqrt(np.mean(np.hstack(errors) ** 2, axis=1)) for errors in (main, giant))
    assert (rms_main < [0.006, 0.0040, 0.012, 0.020]).all(), rms_main
    assert (rms_giant < [0.005, 0.010, 0.050, 0.035]).all(), rms_giant


def made_grid(curvature=0.0, step=0.5):
    """A grid in closed form: at each EEP all is linear in [Fe/H] and log age, but for `curvature` in log age."""
    feh, log_age, rows = np.array([-0.5, 0.0, 0.5]), np.arange(8.0, 9.6, step), np.arange(EEP_LAST)
    f, a, r = np.meshgrid(feh, log_age, rows, indexing="ij")
    bend = curvature * (a - 8.0) ** 2
    log_mass = 1.0 + 2e-3 * r - 0.3 * (a - 8.0) + 0.05 * f + bend
    values = np.stack([3.8 - 0.1 * f + 1e-4 * r, 4.0 + 0.2 * f, 1e-3 * r + bend, 1.0 - 0.1 * f, 0.0 * f], axis=-1)
    extent = np.tile(np.array([0, EEP_LAST - 1], dtype=np.int32), (feh.size, log_age.size, 1))
    return IsochroneGrid(feh, log_age, extent, log_mass, values.astype(np.float32))


def test_interpolation_is_exact_where_the_grid_is_linear():
    """The mixture at equal EEP and the look-up of a mass in it, against the formulas of a made grid."""
    grid = made_grid()
    rng = stream_generator(4, RNG_NAME)
    n = 2000
    eep, log_age, feh = rng.uniform(1, EEP_LAST, n), rng.uniform(8.0, 9.5, n), rng.uniform(-0.5, 0.5, n)
    log_mass = 1.0 + 2e-3 * (eep - 1) - 0.3 * (log_age - 8.0) + 0.05 * feh
    stars = star_parameters(grid, np.exp(log_mass), log_age, feh)
    assert stars.is_alive.all()
    np.testing.assert_allclose(np.log10(stars.teff_K), 3.8 - 0.1 * feh + 1e-4 * (eep - 1), rtol=0, atol=1e-6)
    np.testing.assert_allclose(stars.log_luminosity_dex, 1e-3 * (eep - 1), rtol=0, atol=1e-6)
    np.testing.assert_allclose(stars.mass_msun, np.exp(log_mass) * (1.0 - 0.1 * feh), rtol=1e-6)


def test_interpolation_is_of_second_order_where_the_grid_is_curved():
    errors = []
    for step in (0.5, 0.25):
        grid = made_grid(curvature=0.1, step=step)
        middle = grid.log_age[:-1] + step / 2
        truth = 1.0 - 0.3 * (middle - 8.0) + 0.1 * (middle - 8.0) ** 2
        errors.append(np.abs(np.log(living_masses(grid, middle, 0.0).lowest) - truth).max())
    assert errors[0] == pytest.approx(0.1 * 0.25**2, rel=1e-6)
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=1e-6)


def test_masses_grow_along_isochrones_and_lives_end_in_order(grid):
    rng = stream_generator(1, RNG_NAME)
    for log_age, feh in zip(rng.uniform(6.0, 10.2, 60), rng.uniform(-1.0, 0.5, 60), strict=True):
        assert (np.diff(isochrone(grid, log_age, feh).initial_mass_msun) >= 0).all()
    ages = np.linspace(7.0, 10.15, 400)
    masses = living_masses(grid, ages, 0.1)
    assert (masses.lowest < masses.turnoff).all()
    assert (masses.turnoff < masses.tip).all()
    assert (np.diff(masses.tip) < 0).all()
    assert (np.diff(masses.turnoff) < 0).all()
    young = living_masses(grid, [6.0, 6.1], 0.0)  # nothing has left the main sequence yet
    assert np.array_equal(young.turnoff, young.tip)


def test_the_sun(grid):
    sun = star_parameters(grid, 1.0, np.log10(4.57e9), 0.0)
    assert sun.teff_K[0] == pytest.approx(5772, abs=100)
    assert sun.logg_dex[0] == pytest.approx(4.438, abs=0.03)
    assert sun.log_luminosity_dex[0] == pytest.approx(0.0, abs=0.05)
    assert sun.mass_msun[0] == pytest.approx(1.0, abs=1e-3)
    assert (sun.phase[0], sun.is_alive[0]) == (0, True)


def test_lives_last_as_long_as_they_should(grid):
    """Main-sequence lives: about 10 Gyr for 1, 2 Gyr for 1.6 (F0) and 10 Myr for 18-19 solar masses (B0)."""
    turnoff = living_masses(grid, np.log10([9.5e9, 2e9, 1e7]), 0.0).turnoff
    np.testing.assert_allclose(turnoff, [1.0, 1.6, 18.5], rtol=0.05)
    # The giant branch of old stars ends with the helium flash, at a luminosity that hardly depends on their age
    tips = [isochrone(grid, log_age, 0.0) for log_age in (9.6, 9.8, 10.0, 10.1)]
    log_luminosity = np.array([tip.log_luminosity_dex[tip.eep == EEP_TAMS + 151][0] for tip in tips])
    assert ((log_luminosity > 3.3) & (log_luminosity < 3.5)).all()
    assert np.ptp(log_luminosity) < 0.02
    young = isochrone(grid, 8.0, 0.0)
    assert [young.phase[young.eep == eep][0] for eep in (EEP_ZAMS - 1, EEP_ZAMS, EEP_TAMS)] == [-1, 0, 2]


def test_gravity_luminosity_and_temperature_agree(grid):
    """L = 4 pi R^2 sigma T^4 and g = G M / R^2 between the nodes, as well as the file itself keeps them: to 0.013 dex."""
    rng = stream_generator(2, RNG_NAME)
    n = 50_000
    log_age, feh = rng.uniform(7.0, 10.2, n), rng.uniform(-1.0, 0.5, n)
    masses = living_masses(grid, log_age, feh)
    mass = np.exp(rng.uniform(np.log(0.6), np.log(masses.tip)))
    stars = star_parameters(grid, mass, log_age, feh)
    assert stars.is_alive.all()
    gravity = 4.438 + np.log10(stars.mass_msun) + 4 * np.log10(stars.teff_K / 5772) - stars.log_luminosity_dex
    assert np.abs(gravity - stars.logg_dex).max() < 0.013


def test_the_dead_and_the_too_light(grid):
    stars = star_parameters(grid, [3.0, 3.2, 0.05], [8.6, 8.6, 9.0], [-0.1, -0.1, 0.0])
    tip = living_masses(grid, 8.6, -0.1).tip[0]
    assert 3.0 < tip < 3.2
    assert stars.is_alive.tolist() == [True, False, True]
    assert np.isfinite(stars.teff_K).tolist() == [True, False, False]
    at_tip = star_parameters(grid, [tip * (1 - 1e-12), tip * (1 + 1e-12)], 8.6, -0.1)
    assert at_tip.is_alive.tolist() == [True, False]


def test_same_bits_for_any_number_of_threads(grid):
    rng = stream_generator(3, RNG_NAME)
    n = 20_000
    arguments = rng.uniform(0.7, 5.0, n), rng.uniform(6.0, 10.2, n), rng.uniform(-1.0, 0.5, n)
    threads = numba.get_num_threads()
    try:
        results = []
        for count in (1, numba.config.NUMBA_NUM_THREADS):
            numba.set_num_threads(count)
            results.append(star_parameters(grid, *arguments))
    finally:
        numba.set_num_threads(threads)
    for one, many in zip(*results, strict=True):
        assert one.tobytes() == many.tobytes()
    # and each star is what it is alone
    alone = star_parameters(grid, *(values[77:78] for values in arguments))
    assert all(a[0] == b[77] or (np.isnan(a[0]) and np.isnan(b[77])) for a, b in zip(alone, results[0], strict=True))


def test_a_narrow_range_gives_the_same_stars(grid):
    narrow = load_isochrones((-0.1, 0.1), (9.01, 9.04))
    assert (narrow.feh_dex.tolist(), narrow.log_age.round(2).tolist()) == ([-0.25, 0.0, 0.25], [9.0, 9.05])
    for wide, small in zip(
        star_parameters(grid, 1.3, 9.02, 0.05), star_parameters(narrow, 1.3, 9.02, 0.05), strict=True
    ):
        assert wide[0] == small[0]


def test_errors_say_what_to_do(grid, monkeypatch):
    with pytest.raises(DiscatlasError, match=r"log age 10.25 \(and 0 more\) is outside the loaded grid, 6 to 10.2"):
        star_parameters(grid, [1.0, 1.0], [10.25, 9.0], 0.0)
    with pytest.raises(DiscatlasError, match=r"\[Fe/H\] nan"):
        isochrone(grid, 9.0, np.nan)
    with pytest.raises(DiscatlasError, match=r"\[Fe/H\] from -5 to 0 is not within the grid's -4 to 0.5"):
        load_isochrones((-5.0, 0.0), (9.0, 10.0))
    monkeypatch.setitem(sys.modules, "lachesis_grids", None)
    with pytest.raises(DiscatlasError, match="pip install lachesis-grids"):
        grid_file()


def test_sources_are_named():
    text = " ".join(CITATIONS)
    for reference in ("ApJ 823, 102", "ApJS 222, 8", "ApJS 192, 3"):
        assert reference in text
