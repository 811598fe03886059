"""Isochrones for ages: MIST's own files, both grids on the same isochrones, interpolation, masses, boxes, bad input."""

import numpy as np
import pytest
from made_ages import IMF, toy_grid, toy_tables

from discatlas.ages.grid import OBSERVABLES, build_grid, grid_nodes, load_grid, mass_integrals
from discatlas.ages.kernels import BLOCK, marginal_likelihood
from discatlas.ages.mist_files import read_folder, read_mist_file
from discatlas.errors import DiscatlasError
from discatlas.photometry import read_bolometric_corrections
from places import ROOT

AXES = ((7.0, 7.2, 0.05), (-0.25, 0.25, 0.25))


@pytest.fixture(scope="module")
def corrections():
    return read_bolometric_corrections(ROOT / "resources/mist_bolometric_corrections.csv")


@pytest.fixture(scope="module")
def package(corrections):
    return load_grid("lachesis", None, *AXES, IMF, corrections)


def write_mist(path, feh, log_ages, tables, extinction=0.0, with_magnitudes=True):
    """Write a file in MIST's format, with a few of its columns; tables as of `MistFile`."""
    names = ["EEP", "log10_isochrone_age_yr", "initial_mass", "star_mass", "log_Teff", "log_g", "log_L"]
    names += ["[Fe/H]_init", "Bessell_V", "2MASS_Ks", "phase"] if with_magnitudes else ["phase"]
    rule = "# " + "-" * 86
    lines = ["# MIST version number  = 1.2", "# MESA revision number =     7503"]
    lines += ["# photometric system   = UBVRI (+2MASS)"] if with_magnitudes else []
    lines += [rule, "#  Yinit        Zinit   [Fe/H]   [a/Fe]  v/vcrit"]
    lines += [f"#  0.2703  1.42857E-02   {feh:5.2f}     0.00     0.40", rule]
    lines += [f"# number of isochrones = {len(log_ages):3d}"]
    lines += [f"# Av_extinction = {extinction:6.3f}"] if with_magnitudes else []
    lines += [rule]
    for age, table in zip(log_ages, tables, strict=True):
        lines += [f"# number of EEPs, cols = {len(table):5d} {len(names):4d}"]
        lines += ["#" + " ".join(f"{c + 1:>20d}" for c in range(len(names))), "# " + " ".join(names)]
        for eep, mass, teff, logg, lum, Ks in table:
            numbers = [age, mass, mass, teff, logg, lum] + ([feh, 0.0, Ks, 0.0] if with_magnitudes else [0.0])
            lines.append(f"{int(eep):5d} " + " ".join(f"{number:.12e}" for number in numbers))
        lines += ["", ""]
    path.write_text("\n".join(lines), encoding="utf-8")


def tables_of(grid, j):
    """The isochrones of one [Fe/H] of a grid, as tables."""
    return [
        np.column_stack(
            [one.eep, one.mass_msun, np.log10(one.values[:, 0]), one.values[:, 1], 0 * one.mass_msun, one.values[:, 2]]
        )
        for one in (row[j] for row in grid.isochrones)
    ]


@pytest.fixture
def folder(tmp_path, package):
    for j, feh in enumerate(package.feh_dex):
        name = f"MIST_v1.2_feh_{'m' if feh < 0 else 'p'}{abs(feh):.2f}_afe_p0.0_vvcrit0.4_UBVRIplus.iso.cmd"
        write_mist(tmp_path / name, feh, package.log_age, tables_of(package, j))
    return tmp_path


def test_file_of_mist_is_read_as_it_was_written(folder, package):
    files = read_folder(folder)
    assert [file.feh_dex for file in files] == [-0.25, 0.0, 0.25]
    assert files[0].rotation == 0.4
    np.testing.assert_allclose(files[1].log_age, package.log_age)
    one = package.isochrones[2][1]
    np.testing.assert_array_equal(files[1].tables[2][:, 0], one.eep)
    np.testing.assert_allclose(files[1].tables[2][:, 5], one.values[:, 2], rtol=1e-10)


def test_both_grids_give_the_same_likelihood_on_the_same_isochrones(folder, package):
    other = load_grid("mist", folder, *AXES, IMF, None)
    assert other.n_beyond == 0
    star, weight = package.isochrones[2][1].values[None, 150] * 1.01, 1.0 / np.array([[500.0, 0.1, 0.2]])
    flat = np.zeros((1, 3))
    mine, theirs = (marginal_likelihood(grid.arrays, star, weight, flat)[0] for grid in (package, other))
    np.testing.assert_allclose(theirs, mine, rtol=1e-6)


def test_both_grids_interpolate_alike_between_metallicities(folder, corrections):
    axes = (AXES[0], (-0.2, 0.2, 0.1))
    mine, theirs = (load_grid(kind, folder, *axes, IMF, corrections) for kind in ("lachesis", "mist"))
    for j in range(5):
        one, other = mine.isochrones[1][j], theirs.isochrones[1][j]
        np.testing.assert_array_equal(one.eep, other.eep)
        np.testing.assert_allclose(one.mass_msun, other.mass_msun, rtol=1e-6)
        np.testing.assert_allclose(one.values[:, 0], other.values[:, 0], rtol=1e-6)
        is_hot = (one.values[:, 0] > 8_000) & (one.values[:, 0] < 45_000)
        # the correction at the interpolated point against the interpolated magnitude
        np.testing.assert_allclose(one.values[is_hot, 2], other.values[is_hot, 2], atol=0.06)


def test_luminosities_get_the_bolometric_correction(tmp_path, corrections):
    """A star of 20,000 K and log L = 4: M_Ks = 4.74 - 10 - BC, with BC_Ks = -2.6 or so for a hot dwarf."""
    table = np.array([[202, 8.0, np.log10(20_000), 4.0, 4.0, np.nan], [203, 8.1, np.log10(20_000), 4.0, 4.0, np.nan]])
    for feh in (0.0, 0.1):
        write_mist(tmp_path / f"f{feh}.iso", feh, np.arange(7.0, 7.5, 0.1), [table] * 5, with_magnitudes=False)
    grid = load_grid("mist", tmp_path, (7.0, 7.4, 0.1), (0.0, 0.1, 0.1), IMF, corrections)
    expected = 4.74 - 10.0 - np.interp(0.0, [0.0], [corrections_at(corrections, 20_000, 4.0)])
    assert grid.isochrones[0][0].values[0, 2] == pytest.approx(expected, abs=1e-6)
    assert -3.4 < grid.isochrones[0][0].values[0, 2] < -2.0


def test_corrections_go_on_beyond_the_hottest_node(corrections):
    """The same luminosity at 40,000 to 60,000 K: ever fainter in Ks, without a bend at the table's end."""
    teff = np.array([4.0, 4.5, 5.0, 5.5, 6.0]) * 1e4
    table = np.column_stack([np.arange(5.0) + 300, np.linspace(50, 60, 5), np.log10(teff), *np.tile([[4.0], [6.0]], 5)])
    table = np.column_stack([table, np.full(5, np.nan)])
    grid = build_grid(np.array([6.0, 6.1]), np.array([0.0]), [[table], [table]], IMF, corrections)
    slopes = np.diff(grid.isochrones[0][0].values[:, 2]) / np.diff(np.log10(teff))
    np.testing.assert_allclose(slopes, 7.5, atol=0.6)
    assert grid.n_beyond == 4


def corrections_at(corrections, teff, logg):
    i, k = np.argmin(np.abs(corrections.log_teff - np.log10(teff))), np.argmin(np.abs(corrections.logg_dex - logg))
    return corrections.values[np.argmin(np.abs(corrections.feh_dex)), i, k, 5]


def test_masses_between_points_add_up_to_the_whole_integral():
    mass = np.geomspace(0.5, 20.0, 37)
    for slope in (2.7, 2.3, 1.0):
        primitive = np.log(mass) if slope == 1.0 else mass ** (1 - slope) / (1 - slope)
        assert mass_integrals(mass, slope).sum() == pytest.approx(primitive[-1] - primitive[0])
    assert mass_integrals(mass, 2.7)[-1] == 0.0
    assert (mass_integrals(np.array([1.0, 1.0, 1.0]), 2.7) == 0.0).all()


def test_blocks_hold_every_segment_once_and_their_boxes_all_points():
    grid = toy_grid(np.arange(6.6, 7.05, 0.1), n=2 * BLOCK * 8 + 3)
    points, masses, groups, group_low, group_high, blocks, low, high = grid.arrays
    segments = np.concatenate([np.arange(a, b) for a, b in blocks])
    np.testing.assert_array_equal(segments, np.flatnonzero(masses > 0))
    for (first, last), lower, upper in zip(blocks, low, high, strict=True):
        assert (points[first : last + 1] >= lower).all()
        assert (points[first : last + 1] <= upper).all()
    assert groups[-1, -1, 1] == len(group_low) == len(group_high)
    assert groups[-1, -1, 3] == len(blocks)


def test_interpolation_is_at_equal_evolutionary_point(package):
    """Halfway between two metallicities: the mean of log mass and log Teff at each EEP."""
    fine = load_grid("lachesis", None, AXES[0], (-0.25, 0.0, 0.125), IMF, None)
    low, middle, high = (fine.isochrones[0][j] for j in range(3))
    eep, a, b = np.intersect1d(low.eep, high.eep, return_indices=True)
    np.testing.assert_array_equal(eep, middle.eep)
    np.testing.assert_allclose(np.log(middle.mass_msun), 0.5 * np.log(low.mass_msun[a] * high.mass_msun[b]), atol=1e-6)
    mean = np.sqrt(low.values[a, 0] * high.values[b, 0])
    np.testing.assert_allclose(middle.values[:, 0], mean, rtol=1e-6)
    assert OBSERVABLES[0] == "teff_K"


def test_nodes_and_grids_that_cannot_be_are_refused(tmp_path, folder, corrections):
    np.testing.assert_allclose(grid_nodes((6.0, 9.0, 0.05), "log_age"), np.linspace(6, 9, 61))
    for axis in ((6.0, 9.0, 0.07), (9.0, 6.0, 0.05), (6.0, 6.0, 0.05), (6.0, 9.0, 0.0)):
        with pytest.raises(DiscatlasError, match="a step that fits"):
            grid_nodes(axis, "log_age")
    cases = [
        (("lachesis", None, (4.0, 9.0, 0.05), AXES[1]), "log age from 4 to 9 is not within"),
        (("mist", None, *AXES), "needs grid_folder"),
        (("mists", None, *AXES), "'mists' is unknown.*'mist'"),
        (("mist", tmp_path / "none", *AXES), "no files"),
        (("mist", folder, (7.0, 7.5, 0.1), AXES[1]), "log age 7.3 is beyond"),
        (("mist", folder, AXES[0], (-0.5, 0.0, 0.25)), r"\[Fe/H\] -0.5 is beyond"),
        (("lachesis", None, (7.0, 7.1, 0.05), AXES[1]), "3 nodes; expected 5"),
    ]
    for arguments, message in cases:
        with pytest.raises(DiscatlasError, match=message):
            load_grid(*arguments, IMF, corrections)


def test_damaged_files_are_refused(tmp_path):
    ages = np.arange(7.0, 7.45, 0.1)
    tables = [row[0] for row in toy_tables(ages, [0.0], 12)]
    path = tmp_path / "a.iso.cmd"
    write_mist(path, 0.0, ages, tables, extinction=1.0)
    with pytest.raises(DiscatlasError, match="A_V = 1 mag"):
        read_mist_file(path)
    write_mist(path, 0.0, ages, tables)
    text = path.read_text(encoding="utf-8")
    cases = [
        (text.replace("log_Teff", "log_T"), "no column 'log_Teff'"),
        (text.replace("number of isochrones =   5", "number of isochrones =   9"), "5 isochrones, its head says 9"),
        (text[: len(text) - 900], "expected 12 rows"),
        (text.replace("v/vcrit", "v"), r"no line of \[Fe/H\]"),
    ]
    for damaged, message in cases:
        path.write_text(damaged, encoding="utf-8")
        with pytest.raises(DiscatlasError, match=message):
            read_mist_file(path)
    path.write_text(text, encoding="utf-8")
    write_mist(tmp_path / "b.iso.cmd", 0.0, ages, tables)
    with pytest.raises(DiscatlasError, match="both have"):
        read_folder(tmp_path)


def test_grid_without_corrections_has_no_magnitudes():
    tables = toy_tables([7.0, 7.1], [0.0])
    for row in tables:
        row[0][:, 5] = np.nan
    grid = build_grid(np.array([7.0, 7.1]), np.array([0.0]), tables, IMF, None)
    assert np.isnan(grid.isochrones[0][0].values[:, 2]).all()
