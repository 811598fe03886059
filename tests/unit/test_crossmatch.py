"""Cross-matches on the sky: against all pairs of astropy, poles, ra = 0, proper motions, epochs, crowds, chance."""

import json

import astropy.units as u
import numpy as np
import polars as pl
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time

import match_catalogues
from discatlas import crossmatch
from discatlas.errors import DiscatlasError
from discatlas.tables import read_columns

ARCSEC_DEG = 1 / 3600


def scatter(ra, dec, offset_arcsec, angle_deg):
    """Positions [deg] at an offset from others, at an angle from north through east, by astropy."""
    moved = SkyCoord(ra * u.deg, dec * u.deg).directional_offset_by(angle_deg * u.deg, offset_arcsec * u.arcsec)
    return moved.ra.deg, moved.dec.deg


def make_fields(rng, n=400):
    """Stars at both poles, across ra = 0, and in a crowd, and a second table of the same stars some 0.5 arcsec away."""
    wide = np.array([[0.0, 90.0], [0.0, -90.0], [0.0, 0.0], [360.0, 60.0], [83.0, -5.0]])
    centre = wide[rng.integers(0, len(wide), n)]
    ra, dec = scatter(*centre.T, np.abs(rng.normal(0, 5.0, n)), rng.uniform(0, 360, n))
    other_ra, other_dec = scatter(ra, dec, np.abs(rng.normal(0, 0.6, n)), rng.uniform(0, 360, n))
    return (ra, dec), (other_ra, other_dec)


def table(path, ra, dec, ids=None, **columns):
    ids = np.arange(len(ra)) + 5_000_000_000_000_000_000 if ids is None else ids
    frame = pl.DataFrame({"source_id": ids, "ra": ra, "dec": dec} | columns)
    frame.with_columns(pl.col(pl.Float64).fill_nan(None)).write_parquet(path)
    return path


def match(folder, left, right, **setting):
    setting = {"radius_arcsec": 1.0, "epoch_yr": 2016.0, "left_epoch_yr": 2016.0, "right_epoch_yr": 2016.0} | setting
    files = {"matches": folder / "m.parquet", "summary": folder / "m.json"}
    match_catalogues.run(left=left, right=right, **files, **({"shift_arcsec": 30.0, "threads": 1} | setting))
    return read_columns(folder / "m.parquet"), json.loads((folder / "m.json").read_text())


def vectors(ra, dec):
    return crossmatch.move_stars(*(np.asarray(x, float) for x in (ra, dec, dec * 0, dec * 0, dec * 0)))[0]


@pytest.mark.parametrize("radius", [0.3, 2.0, 8.0])
def test_all_pairs_at_poles_and_across_zero_as_astropy_has_them(radius):
    left, right = make_fields(np.random.default_rng(1))
    apart = SkyCoord(*left * u.deg)[:, None].separation(SkyCoord(*right * u.deg)[None, :]).arcsec
    i, j, separation = crossmatch.find_pairs(vectors(*left), vectors(*right), radius)
    expected = np.argwhere(apart <= radius)
    assert len(expected) > 100
    assert sorted(zip(i.tolist(), j.tolist(), strict=True)) == sorted(map(tuple, expected.tolist()))
    np.testing.assert_allclose(separation, apart[i, j], rtol=0, atol=1e-8)
    # the larger table may stand on either side
    half = crossmatch.find_pairs(vectors(*left)[:150], vectors(*right), radius)
    np.testing.assert_array_equal(half[0], i[i < 150])
    np.testing.assert_array_equal(half[2], separation[i < 150])


def test_ranks_and_best_by_their_definition(tmp_path):
    left, right = make_fields(np.random.default_rng(2), 250)
    found, record = match(tmp_path, table(tmp_path / "a", *left), table(tmp_path / "b", *right), radius_arcsec=3.0)
    pairs = list(zip(*(found[name].tolist() for name in found), strict=True))
    assert pairs == sorted(pairs, key=lambda row: (row[0], row[2]))
    for side, other in ((0, 1), (1, 0)):
        rank, size = (3, 4) if side == 0 else (5, 6)
        for star in {row[side] for row in pairs}:
            mine = sorted((row[2], row[other], row[rank], row[size]) for row in pairs if row[side] == star)
            assert [row[2] for row in mine] == list(range(1, len(mine) + 1))
            assert {row[3] for row in mine} == {len(mine)}
    best = [row for row in pairs if row[3] == row[5] == 1]
    assert best == [row for row in pairs if row[7]]
    assert len({row[0] for row in best}) == len({row[1] for row in best}) == len(best)
    counts = record["matches"]
    assert counts["pairs"] == len(pairs)
    assert counts["left_matched"] == len({row[0] for row in pairs})
    assert counts["left_matched_more_than_once"] == len({row[0] for row in pairs if row[4] > 1}) > 10
    assert counts["best"] == len(best)
    assert record["separation_of_best_arcsec"]["median"] == pytest.approx(np.median([row[2] for row in best]))


def test_star_matched_twice(tmp_path):
    """Two stars of the left table near one of the right: the nearer is the best, the other has a match but no best one."""
    left = table(tmp_path / "a", [10.0, 10.0], [0.6 * ARCSEC_DEG, -0.3 * ARCSEC_DEG], np.array([7, 9]))
    found, record = match(tmp_path, left, table(tmp_path / "b", [10.0], [0.0], np.array([1])))
    assert found["left_source_id"].tolist() == [7, 9]
    assert found["right_rank"].tolist() == [2, 1]
    assert found["n_right"].tolist() == [2, 2]
    assert found["left_rank"].tolist() == [1, 1]
    assert found["is_best"].tolist() == [False, True]
    assert record["matches"]["right_matched_more_than_once"] == 1


def test_high_proper_motions_follow_great_circles():
    """Against astropy's space motion without radial velocity, for centuries and beside the pole."""
    ra, dec = np.array([269.45, 10.0, 180.0, 0.0]), np.array([4.69, 89.9999, -89.99, 0.0])
    pmra, pmdec = np.array([-802.8, 5000.0, -9000.0, 6000.0]), np.array([10362.4, 3000.0, 10000.0, -6000.0])
    for years in (-116.0, 16.5, 400.0):
        moved, motion = crossmatch.move_stars(ra, dec, pmra, pmdec, np.full(4, years))
        start = SkyCoord(
            ra * u.deg,
            dec * u.deg,
            distance=1e9 * np.ones(4) * u.pc,  # no light-time or radial effects
            pm_ra_cosdec=pmra * u.mas / u.yr,
            pm_dec=pmdec * u.mas / u.yr,
            radial_velocity=np.zeros(4) * u.km / u.s,
            obstime=Time(2016.0, format="jyear", scale="tcb"),
        )
        x = start.cartesian.xyz.value.T / 1e9
        v = start.cartesian.differentials["s"].d_xyz.to_value(u.pc / u.yr).T / 1e9
        expected = x + v * years
        expected /= np.linalg.norm(expected, axis=1)[:, None]
        np.testing.assert_allclose(crossmatch.separation_arcsec(moved, expected), 0, atol=2e-7)
        total = np.deg2rad(np.hypot(pmra, pmdec) * abs(years) / 3.6e6)
        np.testing.assert_allclose(motion, np.rad2deg(np.arctan(total)) * 3600, rtol=1e-12)
        np.testing.assert_allclose(crossmatch.separation_arcsec(moved, vectors(ra, dec)), motion, atol=1e-7)


@pytest.mark.parametrize("dec", [5.0, 89.9995, -90.0])
def test_tables_of_two_epochs_meet_at_a_third(tmp_path, dec):
    """Barnard's star, as fast as it is, seen in 1991.25 by one table and 2016 by the other; unmoved it is 256 arcsec off."""
    pm = np.array([-800.0]), np.array([10_300.0])
    now = (np.array([269.4]), np.array([dec]))
    before, _ = crossmatch.move_stars(*now, *pm, np.array([1991.25 - 2016.0]))
    ra = np.rad2deg(np.arctan2(before[:, 1], before[:, 0])) % 360
    old = (ra, np.rad2deg(np.arcsin(np.clip(before[:, 2], -1, 1))))
    # at the old place the axes are others: its proper motion is that of the motion's plane there
    ahead, _ = crossmatch.move_stars(*now, *pm, np.array([1991.26 - 2016.0]))
    east, north, _ = crossmatch.unit_vectors(*old)
    step = (ahead - before)[0] / 0.01
    old_pm = [np.array([np.rad2deg(step @ axis[:, 0]) * 3.6e6]) for axis in (east, north)]
    left = table(tmp_path / "a", *old, pmra=old_pm[0], pmdec=old_pm[1], ref_epoch=np.array([1991.25]))
    right = table(tmp_path / "b", *now, pmra=pm[0], pmdec=pm[1])
    for epoch in (1991.25, 2000.0, 2016.0):
        found, record = match(tmp_path, left, right, epoch_yr=epoch)
        assert found["is_best"].tolist() == [True], epoch
        # arcsin near the pole and the difference quotient leave some mas
        assert found["separation_arcsec"][0] < 0.15
    assert record["left"]["longest_motion_arcsec"] == pytest.approx(255.7, abs=0.5)
    still = table(tmp_path / "c", *old, pmra=np.array([np.nan]), pmdec=old_pm[1], ref_epoch=np.array([1991.25]))
    found, record = match(tmp_path, still, right)
    assert not found["left_source_id"].size
    assert record["left"]["without_proper_motion"] == record["left"]["unmoved_at_another_epoch"] == 1
    assert record["separation_of_best_arcsec"]["median"] is None


def test_declared_epoch_stands_in_for_a_missing_one(tmp_path):
    left = table(tmp_path / "a", [50.0, 60.0], [0.0, 0.0], pmra=[1000.0] * 2, pmdec=[0.0] * 2, ref_epoch=[np.nan, 2015])
    right = table(tmp_path / "b", [50.0 + 16 * ARCSEC_DEG, 60.0 + ARCSEC_DEG], [0.0, 0.0])
    found, record = match(tmp_path, left, right, left_epoch_yr=2000.0, radius_arcsec=0.01)
    assert found["left_source_id"].size == 2
    assert record["right"]["without_proper_motion"] == 2
    assert record["right"]["unmoved_at_another_epoch"] == 0


def test_same_bytes_for_any_order_of_rows_and_number_of_threads(tmp_path):
    rng = np.random.default_rng(4)
    left, right = make_fields(rng)
    right = tuple(np.concatenate([x, x[:40]]) for x in right)  # pairs of stars at one place: ties
    ids = rng.permutation(2**53 + np.arange(440))
    first, _ = match(tmp_path, table(tmp_path / "a", *left), table(tmp_path / "b", *right, ids), radius_arcsec=4.0)
    expected = (tmp_path / "m.parquet").read_bytes(), (tmp_path / "m.json").read_bytes()
    order, other = rng.permutation(400), rng.permutation(440)
    a = table(tmp_path / "a2", *(x[order] for x in left), order + 5_000_000_000_000_000_000)
    b = table(tmp_path / "b2", *(x[other] for x in right), ids[other])
    match(tmp_path, a, b, radius_arcsec=4.0, threads=2)
    assert ((tmp_path / "m.parquet").read_bytes(), (tmp_path / "m.json").read_bytes()) == expected
    tied = np.flatnonzero(np.diff(first["separation_arcsec"]) == 0)
    assert tied.size > 20
    assert (np.diff(first["right_source_id"])[tied] > 0).all()


def test_crowd_asks_for_all_neighbours():
    """Hundreds of stars within one radius, in chunks smaller than the table."""
    rng = np.random.default_rng(5)
    ra, dec = 120 + rng.normal(0, 0.2, 300) * ARCSEC_DEG, rng.normal(0, 0.2, 300) * ARCSEC_DEG
    crowd = vectors(ra, dec)
    i, j, _ = crossmatch.find_pairs(crowd, crowd, 5.0)
    assert i.size == 300**2
    assert len(set(zip(i.tolist(), j.tolist(), strict=True))) == 300**2


def test_chance_is_that_of_a_random_sky(tmp_path):
    """Two unrelated tables in one field: pairs by chance are as many as found; a copy of a table adds none."""
    rng = np.random.default_rng(6)
    side, n, m, radius = 0.3, 3000, 4000, 3.0

    def field(size):
        return 200 + rng.uniform(0, side, size), rng.uniform(0, side, size)

    first, other = field(n), field(m)
    found, record = match(
        tmp_path, table(tmp_path / "a", *first), table(tmp_path / "b", *other), radius_arcsec=radius, shift_arcsec=20
    )
    expected = n * m * np.pi * radius**2 / (side * 3600) ** 2
    chance = record["by_chance"]
    assert chance["pairs"] == pytest.approx(expected, rel=0.1)
    assert abs(found["left_source_id"].size - chance["pairs"]) < 4 * np.hypot(chance["pairs_error"], expected**0.5)
    ra, dec = scatter(*first, np.abs(rng.normal(0, 0.2, n)), rng.uniform(0, 360, n))
    both = table(tmp_path / "c", np.concatenate([ra, other[0]]), np.concatenate([dec, other[1]]))
    _, record = match(tmp_path, table(tmp_path / "a", *first), both, radius_arcsec=radius, shift_arcsec=20)
    density = n * (n + m) * np.pi * radius**2 / (side * 3600) ** 2
    assert record["by_chance"]["pairs"] == pytest.approx(density, rel=0.1)
    assert record["matches"]["best"] > 0.9 * n


@pytest.mark.parametrize("angle", [0.0, 90.0, 180.0, 270.0])
def test_shifts_are_of_their_length_and_direction(angle):
    rng = np.random.default_rng(7)
    ra, dec = rng.uniform(0, 360, 50), np.append(rng.uniform(-89, 89, 48), [90.0, -90.0])
    moved = crossmatch.shifted(vectors(ra, dec), 30.0, angle)
    np.testing.assert_allclose(crossmatch.separation_arcsec(moved, vectors(ra, dec)), 30.0, atol=1e-8)
    expected = scatter(ra[:48], dec[:48], 30.0, angle)
    np.testing.assert_allclose(crossmatch.separation_arcsec(moved[:48], vectors(*expected)), 0, atol=1e-7)


def test_rows_without_place_or_identifier_are_counted_and_repeated_ones_are_one_star(tmp_path):
    """A star listed five times: twice alike, once a little elsewhere, once without a place; its first place counts."""
    ra, dec, ids = [1.00001, 1.0, 1.0, np.nan, np.nan, 2.0], [0.0, 0.0, 0.0, 0.0, 3.0, 0.0], [4, 4, 4, 4, 5, None]
    right = table(tmp_path / "b", [1.0, 2.0], [0.0, 0.0])
    for order in ([0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 4, 2]):
        left = table(tmp_path / "a", *(np.array(x)[order] for x in (ra, dec)), [ids[k] for k in order])
        found, record = match(tmp_path, left, right)
        assert found["left_source_id"].tolist() == [4]
        assert found["separation_arcsec"].tolist() == [0.0]
        wanted = {"rows": 6, "without_source_id": 1, "repeated_rows": 3, "stars": 2, "without_position": 1}
        assert wanted.items() <= record["left"].items()


def test_errors_name_what_is_wrong(tmp_path):
    left, right = table(tmp_path / "a", [1.0, 1.1], [0.0, 0.0], [4, 4]), table(tmp_path / "b", [1.0], [0.0])
    with pytest.raises(DiscatlasError, match="source_id 4 stands at two places 360 arcsec apart, 1 such"):
        match(tmp_path, left, right)
    for radius in (0.0, 4000.0, np.nan):
        with pytest.raises(DiscatlasError, match="radius_arcsec"):
            match(tmp_path, right, right, radius_arcsec=radius)
    with pytest.raises(DiscatlasError, match="more than twice radius_arcsec"):
        match(tmp_path, right, right, radius_arcsec=15.0)
    pl.DataFrame({"source_id": [1], "RA": [2.0]}).write_parquet(tmp_path / "c")
    with pytest.raises(DiscatlasError, match="no column 'ra'"):
        match(tmp_path, right, tmp_path / "c")
    with pytest.raises(DiscatlasError, match="no rows"):
        match(tmp_path, right, table(tmp_path / "d", np.empty(0), np.empty(0), np.empty(0, np.int64)))


def test_too_many_pairs_stop_early(monkeypatch):
    monkeypatch.setattr(crossmatch, "MAX_PAIRS", 1000)
    crowd = np.tile([1.0, 0.0, 0.0], (100, 1))
    with pytest.raises(DiscatlasError, match="choose a smaller radius_arcsec"):
        crossmatch.find_pairs(crowd, crowd, 1.0)
