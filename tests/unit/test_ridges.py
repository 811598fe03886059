"""Volumes hold the stars they should, links and groups are those of known graphs, and slopes come back with true errors."""

from itertools import pairwise

import numpy as np
import pytest
from made_ridges import GROUP_KMS, R0, SETTINGS, SMOOTH_KMS, made_stars
from scipy.stats import binom, norm

from discatlas.bar_spirals.ridge_comparison import comparison_columns, comparison_record, match_ridges, separation
from discatlas.bar_spirals.ridge_tables import NamedRidge, read_ridges, ridge_columns, ridge_record
from discatlas.bar_spirals.ridges import LinkSettings, components, find_ridges, fit_line, link_peaks
from discatlas.bar_spirals.volumes import Row, VolumeSettings
from discatlas.errors import DiscatlasError

VOLUMES, LINKS = VolumeSettings.from_config(SETTINGS), LinkSettings.from_config(SETTINGS)
WAVELET, ROWS = VOLUMES.wavelet(), list(VOLUMES.rows())
CENTRES = WAVELET.centres_kms
STEP = CENTRES[1] - CENTRES[0]


def first_row(axis, v_R=0.0):
    return next(row for row in ROWS if row.axis == axis and row.fixed.get("v_R_kms", v_R) == v_R)


# -- graphs


@pytest.mark.parametrize(
    ("n", "edges", "expected"),
    [
        (0, [], []),
        (3, [], [[0], [1], [2]]),
        (5, [(3, 4), (0, 2)], [[0, 2], [1], [3, 4]]),
        (6, [(5, 0), (0, 3), (3, 5), (1, 4)], [[0, 3, 5], [1, 4], [2]]),  # a ring
        (5, [(4, 0), (4, 1), (4, 2), (4, 3)], [[0, 1, 2, 3, 4]]),  # a star
    ],
)
def test_groups_of_known_graphs(n, edges, expected):
    assert components(n, edges) == expected


def test_groups_are_those_of_the_adjacency_matrix():
    rng = np.random.default_rng(1)
    for n_edges in (5, 20, 40):
        edges = [tuple(pair) for pair in rng.integers(0, 40, (n_edges, 2))]
        reach = np.eye(40, dtype=int)
        for a, b in edges:
            reach[a, b] = reach[b, a] = 1
        for _ in range(6):
            reach = (reach @ reach > 0).astype(int)
        expected = {tuple(np.flatnonzero(row)) for row in reach}
        groups = components(40, edges)
        assert {tuple(group) for group in groups} == expected
        assert [group[0] for group in groups] == sorted(group[0] for group in groups)


# -- links


def chains(place, v, slopes=(-60.0, 10.0), tolerance=6.0, max_gap=1, width=0.25, error=np.nan):
    place, v = np.asarray(place), np.asarray(v, float)
    edges = link_peaks(place, v, np.full(v.size, error), width, slopes, tolerance, max_gap)
    for a, b in edges:
        assert place[a] < place[b]
    groups = components(place.size, edges)
    for group in groups:
        assert np.unique(place[group]).size == len(group), "two peaks of a ridge in one volume"
    return groups


def test_crossing_ridges_stay_apart():
    """Two lines that cross between volumes go on straight, each with one peak per volume."""
    places = np.arange(20)
    lines = np.array([250 - 20 * 0.25 * places, 270 - 36 * 0.25 * places])
    assert lines[0, 0] < lines[1, 0]
    assert lines[0, -1] > lines[1, -1]
    place, v = np.tile(places, 2), lines.ravel()
    assert chains(place, v) == [list(range(20)), list(range(20, 40))]
    order = np.random.default_rng(2).permutation(40)
    groups = {frozenset(order[group]) for group in chains(place[order], v[order])}
    assert groups == {frozenset(range(20)), frozenset(range(20, 40))}


def test_where_ridges_merge_one_bridges_the_gap():
    """For a volume or two both are one peak; with enough of a gap each goes on alone."""
    places = np.arange(20)
    lines = np.array([250 - 20 * 0.25 * places, 270 - 33 * 0.25 * places])
    merged = np.abs(lines[0] - lines[1]) < 3.5
    assert merged.sum() == 2
    place = np.concatenate([places, places[~merged]])
    v = np.concatenate([np.where(merged, lines.mean(axis=0), lines[0]), lines[1][~merged]])
    groups = chains(place, v, max_gap=2)
    assert len(groups) == 2
    apart = [
        {int(np.argmin(np.abs(lines[:, place[k]] - v[k]))) for k in group if not merged[place[k]]} for group in groups
    ]
    assert apart == [{0}, {1}]
    assert len(chains(place, v, max_gap=0)) > 2


@pytest.mark.parametrize(("missing", "max_gap", "n"), [(1, 0, 2), (1, 1, 1), (2, 1, 2), (2, 2, 1)])
def test_gaps(missing, max_gap, n):
    places = np.array([k for k in range(12) if not 6 <= k < 6 + missing])
    assert len(chains(places, 250 - 5.0 * places, max_gap=max_gap)) == n


def test_peaks_beyond_the_tolerance_are_not_linked():
    places = np.arange(10)
    v = 250 - 5.0 * places
    v[5:] += 6.5
    assert len(chains(places, v)) == 2
    v[5:] -= 1.0
    assert len(chains(places, v)) == 1
    assert len(chains([0, 1], [250.0, 250 - 60 * 0.25 - 5.9])) == 1
    assert len(chains([0, 1], [250.0, 250 - 60 * 0.25 - 6.1])) == 2
    assert len(chains([0, 1], [250.0, 250 + 10 * 0.25 + 6.1])) == 2
    assert len(chains([0, 1], [250.0, 250 + 10 * 0.25 + 11.5], error=2.0)) == 1  # 2 sqrt(2) errors more
    assert len(chains([0, 1], [250.0, 250 + 10 * 0.25 + 11.8], error=2.0)) == 2


def test_links_move_with_the_velocities():
    rng = np.random.default_rng(3)
    place, v = np.repeat(np.arange(15), 5), rng.uniform(150, 300, 75)
    assert chains(place, v) == chains(place, v + 37.0)


# -- volumes


def test_volumes_hold_their_stars():
    stars = made_stars(3000, 4)
    stars["v_phi_kms"][::7] = np.nan
    stars["v_R_kms"][3::7] = np.nan
    for row in ROWS:
        counts = row.count(stars, CENTRES[0] - STEP / 2, STEP, CENTRES.size)
        where = row.coordinates()
        assert counts.sum() > 0
        half = dict(row.half) | {row.along: row.width / 2}
        for k in (0, 3, row.places.size - 1):
            inside = np.abs(stars["v_phi_kms"] - CENTRES[40]) < STEP / 2
            for name in ("R_kpc", "phi_deg", "v_R_kms"):
                inside &= np.abs(stars[name] - where[name][k]) < half[name]
            assert counts[k, 40] == inside.sum()
            everywhere = np.all([np.abs(stars[name] - where[name][k]) < half[name] for name in where], axis=0)
            assert counts[k].sum() == (everywhere & np.isfinite(stars["v_phi_kms"])).sum()


def test_rows_and_bins():
    assert [row.axis for row in ROWS] == ["R", "R", "phi", "phi", "v_R", "v_R", "v_R"]
    assert len({row.key for row in ROWS}) == len(ROWS)
    inside = VOLUMES.within_limits(CENTRES)
    assert CENTRES[inside][[0, -1]].tolist() == [141.0, 319.0]
    assert np.flatnonzero(inside)[0] >= 4 * SETTINGS["scale_kms"] / STEP  # peaks are found up to the limits
    row = first_row("R")
    fine = row.refined(3)
    np.testing.assert_allclose(fine.places[1::3], row.places)
    assert np.diff(fine.places) == pytest.approx(0.28 / 3)
    assert LINKS.refined(3).min_places == 12


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"R_width_kpc": 0.3}, "R_kpc of the rows along it: a width of 0.3 does not divide 7 to 9.8"),
        ({"v_R_step_kms": 0.0}, "v_R_kms of the rows along it: a width of 0 does not divide"),
        ({"v_R_kms": [-15.0, 0.0]}, "slices of v_R_width_kms 20 overlap"),
        ({"v_phi_step_kms": 3.0}, "bins of 3 km/s for a scale of 6 km/s"),
        ({"R_slopes_kms_kpc": [10.0, -60.0]}, "R_slopes_kms_kpc .10, -60.: expected a lower and an upper limit"),
        ({"min_places": 2}, "min_places 2: expected 3 or more"),
    ],
)
def test_bad_settings_say_why(changes, words):
    settings = SETTINGS | changes
    with pytest.raises(DiscatlasError, match=words):
        LinkSettings.from_config(settings)
        volumes = VolumeSettings.from_config(settings)
        list(volumes.rows())
        volumes.wavelet()


# -- ridges in noise


def expected_counts(row, n_stars, groups):
    """Counts per volume and bin without noise: a smooth disc with groups along lines in the place."""

    def part(mean, sigma):
        return norm.pdf(CENTRES, mean, sigma) * STEP

    smooth = np.stack([part(230 - 2 * x, SMOOTH_KMS) for x in row.places - row.places.mean()])
    total = (1 - sum(share for *_, share in groups)) * smooth
    for v, slope, share in groups:
        total += share * np.stack([part(v + slope * x, GROUP_KMS) for x in row.places - row.places.mean()])
    return n_stars * total


def nearest_ridge(ridges, row, place, v):
    away = [abs(np.interp(place, row.places[r.places], r.peaks.v_kms, left=1e9) - v) for r in ridges]
    return ridges[int(np.argmin(away))]


@pytest.mark.parametrize(("axis", "slope"), [("R", -28.0), ("R", 4.0), ("phi", -0.7)])
def test_slopes_come_back_with_calibrated_errors(axis, slope):
    row, rng, n = first_row(axis), np.random.default_rng(6), 120
    groups = [(190.0, slope, 0.2)]
    expected = expected_counts(row, 3000, groups)
    middle = row.places.mean()
    quiet = nearest_ridge(find_ridges(row, WAVELET, expected, False, LINKS), row, middle, 190.0)
    truth = fit_line(row.places[quiet.places], quiet.peaks.v_kms, np.full(quiet.places.size, np.nan))
    assert abs(truth.v_phi_kms - 190.0) < 1.0
    assert abs(truth.slope - slope) < 0.06 * abs(slope) + 0.05
    pulls = []
    for counts in rng.poisson(expected, (n, *expected.shape)):
        ridge = nearest_ridge(find_ridges(row, WAVELET, counts, True, LINKS), row, middle, 190.0)
        assert ridge.places.size >= 8
        kept = np.isin(quiet.places, ridge.places)
        reference = fit_line(row.places[quiet.places[kept]], quiet.peaks.v_kms[kept], ridge.peaks.v_error_kms)
        line = fit_line(row.places[ridge.places], ridge.peaks.v_kms, ridge.peaks.v_error_kms)
        pulls.append((line.slope - reference.slope) / line.slope_error)
    inside = int((np.abs(pulls) < 1).sum())
    # errors grow with the scatter where this exceeds them, and never shrink: at least 68 %
    assert inside >= binom.ppf(0.001, n, 0.6827)
    assert inside <= binom.ppf(0.999, n, 0.80)
    assert np.std(pulls) < 1.25


@pytest.mark.parametrize("n_stars", [200, 5000, 200_000])
def test_false_ridges_are_rare(n_stars):
    """A smooth disc has its own maximum, perhaps in parts; a ridge beside it, or two far apart, in fewer than 2 % of rows."""
    row, rng, n = first_row("R"), np.random.default_rng(7), 150
    expected = expected_counts(row, n_stars, [])
    false = whole = 0
    for counts in rng.poisson(expected, (n, *expected.shape)):
        ridges = find_ridges(row, WAVELET, counts, True, LINKS)
        spans = sorted((ridge.places.min(), ridge.places.max()) for ridge in ridges)
        beside = any(low <= high for (_, high), (low, _) in pairwise(spans))
        far = [ridge for ridge in ridges if abs(ridge.peaks.v_kms.mean() - 230) > 3 * SETTINGS["scale_kms"]]
        false += beside or bool(far)
        whole += any(ridge.places.size >= 6 for ridge in ridges)
    assert false < binom.ppf(0.999, n, 0.02)
    if n_stars > 100_000:
        assert whole > 0.8 * n


def test_volumes_with_few_stars_have_no_peaks():
    row = first_row("R")
    counts = np.random.default_rng(8).poisson(expected_counts(row, 3000, [(190.0, -28.0, 0.2)]))
    thinned = LINKS.__class__(**{**LINKS.__dict__, "min_stars": 10_000})
    assert find_ridges(row, WAVELET, counts, True, thinned) == []
    assert find_ridges(row, WAVELET, 0 * counts, True, LINKS) == []


def test_lines_have_the_errors_of_least_squares():
    rng = np.random.default_rng(9)
    x, error = np.linspace(5, 9, 30), rng.uniform(0.5, 2, 30)
    v = 250 - 30 * x + rng.normal(0, error)
    line = fit_line(x, v, error)
    coefficients, covariance = np.polyfit(x, v, 1, w=1 / error, cov="unscaled")
    chi_square = np.sum(((v - np.polyval(coefficients, x)) / error) ** 2) / 28
    assert line.slope == pytest.approx(coefficients[0])
    assert line.slope_error == pytest.approx(np.sqrt(covariance[0, 0] * max(chi_square, 1)))
    assert line.v_phi_kms == pytest.approx(np.polyval(coefficients, line.place))
    tight = fit_line(x, v, 10 * error)
    assert tight.slope_error == pytest.approx(10 * np.sqrt(covariance[0, 0]))  # a small chi-square shrinks nothing
    scattered = fit_line(x, v, np.full(30, np.nan))
    assert scattered.slope_error == pytest.approx(np.sqrt(np.polyfit(x, v, 1, cov=True)[1][0, 0]), rel=0.05)


# -- comparison


def table_of(expected, noise, row, rng=None):
    values = rng.poisson(expected) if noise else expected
    columns = ridge_columns([row], [find_ridges(row, WAVELET, values, noise, LINKS)], noise)
    return list(read_ridges(columns))


@pytest.mark.parametrize("shift", [0.0, 2.5])
def test_separations_have_calibrated_errors(shift):
    row, rng, n = first_row("R"), np.random.default_rng(10), 100
    groups = [(190.0, -28.0, 0.2), (280.0, -20.0, 0.1)]
    moved = [(v + shift, slope, share) for v, slope, share in groups]
    expected = expected_counts(row, 4000, groups)
    still, model = (table_of(expected_counts(row, 4000, some), False, row) for some in (groups, moved))
    truth = {ridge.number: separation(ridge, ridge) for ridge in still}
    assert all(found.rms_kms == 0 for found in truth.values())
    pulls = []
    for _ in range(n):
        sample = table_of(expected, True, row, rng)
        pairs = match_ridges(sample, model, 3, 12.0)
        assert len([pair for pair in pairs if pair[1] is not None and pair[0] is not None]) >= 2
        _, theirs, found = pairs[0]
        assert theirs is model[0]
        quiet = separation(still[0], model[0])
        pulls.append((found.mean_kms - quiet.mean_kms) / found.error_kms)
    assert abs(separation(still[0], model[0]).mean_kms - shift) < 0.35
    # errors grow with the scatter and never shrink: at least 68 %
    assert binom.ppf(0.001, n, 0.6827) <= (np.abs(pulls) < 1).sum() <= binom.ppf(0.999, n, 0.80)


def test_the_mean_separation_is_weighted_by_the_errors():
    x, error = np.arange(7.0, 9.0, 0.5), np.array([1.0, 2.0, 0.5, 1.0])
    blank = {"phi_deg": np.zeros(4), "v_R_kms": np.zeros(4), "significance": error}
    moved = np.array([1.0, 4.0, 2.0, 3.0])
    ours = NamedRidge(0, "R", 0, blank | {"R_kpc": x, "v_phi_kms": 250 - x, "v_phi_error_kms": error})
    theirs = NamedRidge(0, "R", 0, blank | {"R_kpc": x, "v_phi_kms": 250 - x + moved, "v_phi_error_kms": np.nan * x})
    found = separation(ours, theirs)
    weight = 1 / error**2
    assert found.mean_kms == pytest.approx(np.average(moved, weights=weight))
    chi_square = weight @ (moved - found.mean_kms) ** 2 / 3
    assert found.error_kms == pytest.approx(np.sqrt(max(chi_square, 1) / weight.sum()))
    assert found.rms_kms == pytest.approx(np.sqrt(np.mean(moved**2)))


def test_ridges_are_paired_once_and_the_others_stay_alone():
    row, other = first_row("R"), first_row("R", -56.0)
    expected = expected_counts(row, 4000, [(190.0, -28.0, 0.2), (280.0, -20.0, 0.1)])
    ridges = find_ridges(row, WAVELET, expected, False, LINKS)
    columns = ridge_columns([row, other], [ridges, ridges[:1]], noise=False)
    model = list(read_ridges(columns))
    assert [(ridge.row, ridge.number) for ridge in model] == [*((0, k) for k in range(len(ridges))), (1, 0)]
    noisy = columns | {"v_phi_error_kms": np.ones(columns["row"].size)}
    sample = [ridge for ridge in read_ridges(noisy) if ridge.row == 0]
    pairs = match_ridges(sample, model, 3, 12.0)
    table = comparison_columns(pairs)
    assert len(pairs) == len(ridges) + 1
    np.testing.assert_array_equal(table["n_common"], [*(r.places.size for r in ridges), 0])
    assert np.ma.getmaskarray(table["ridge"]).tolist() == [False] * len(ridges) + [True]
    np.testing.assert_allclose(table["separation_rms_kms"][:-1], 0, atol=1e-9)
    np.testing.assert_allclose(table["slope"][:-1], table["model_slope"][:-1])
    record = comparison_record(table)
    assert record["R"]["n_matched"] == record["R"]["n_ridges"] == len(ridges)
    assert record["R"]["n_model_ridges"] == len(ridges) + 1
    assert record["v_R"] == {"n_ridges": 0, "n_matched": 0, "n_model_ridges": 0}
    assert all(pair[2] is None for pair in match_ridges(sample, model, 100, 12.0))
    assert comparison_columns([])["row"].size == 0


def test_records_say_where_a_ridge_is():
    row = first_row("phi", -56.0)
    expected = expected_counts(row, 4000, [(190.0, -0.7, 0.2)])
    ridge = next(read_ridges(ridge_columns([row], [find_ridges(row, WAVELET, expected, False, LINKS)], noise=False)))
    record = ridge_record(ridge)
    assert record["v_R_kms"] == -56.0
    assert record["R_kpc"] == R0
    assert record["slope_kms_deg"] == pytest.approx(-0.7, abs=0.05)
    assert record["least_significance"] is None
    assert "phi_deg" not in record
    assert isinstance(row, Row)
