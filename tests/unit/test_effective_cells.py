"""The effective number of cells: exact where it is known, right tests for maps of long features in a survey, and power."""

import numpy as np
import pytest
from made_azimuthal import R0, round_field, spiral_field
from scipy.stats import binomtest, pearsonr

from discatlas.azimuthal.correlation import GriddedMap, compare_maps
from discatlas.azimuthal.effective_cells import EffectiveCells, effective_cells
from discatlas.calibration import comparison
from discatlas.calibration.registry import calibrate
from discatlas.calibration.study import Key
from discatlas.errors import DiscatlasError
from discatlas.runtime import use_threads
from discatlas.streams import stream_generator

AXIS = np.linspace(-6, 6, 61)
GRID_X, GRID_Y = np.meshgrid(AXIS - R0, AXIS, indexing="ij")
SUN = (-R0, 0.0)
FIELDS = {
    "round": lambda rng: round_field(0.6, rng),
    "large": lambda rng: round_field(1.2, rng),
    "rough": lambda rng: round_field(1.0, rng, "exponential"),
    "spiral": lambda rng: spiral_field(0.6, rng),
    "fine": lambda rng: round_field(0.5, rng),
    "long": lambda rng: spiral_field(1.0, rng),
}


@pytest.fixture(autouse=True)
def one_thread():
    use_threads(1)
    yield
    use_threads(2)


def is_survey(x, y):
    """Fields of a survey of young stars: out to 2.6 to 4.6 kpc by direction, three gaps, few stars near the Sun."""
    l_deg, d = np.rad2deg(np.arctan2(y, x)) % 360, np.hypot(x, y)
    gaps = ((l_deg > 160) & (l_deg < 200)) | ((l_deg > 250) & (l_deg < 262)) | ((l_deg > 325) & (l_deg < 332))
    return (d > 0.5) & (d < 3.6 + np.cos(np.deg2rad(3 * l_deg))) & ~gaps


def cells(size=0.4):
    axis = np.arange(-6 + size / 2, 6, size)
    x, y = (part.ravel() for part in np.meshgrid(axis, axis, indexing="ij"))
    kept = is_survey(x, y)
    return x[kept] - R0, y[kept]


def p_values(kind, n, r=0.0, name="null", size=0.4):
    """p-values of velocities with half as much noise against a density of another field, or one that shares r with it."""
    X, Y = cells(size)
    found = []
    for k in range(n):
        rng = stream_generator(20260101, "test_effective_cells", name, kind, str(k))
        density = FIELDS["spiral" if kind in ("spiral", "long") else "fine" if kind == "fine" else "round"](rng)
        density = density.at(X, Y)
        velocity = FIELDS[kind](rng).at(X, Y) + 0.5 * rng.standard_normal(X.size)
        velocity = r * np.sqrt(1.25) * density + np.sqrt(1 - r**2) * velocity
        value = np.corrcoef(velocity, density)[0, 1]
        effective = effective_cells(X, Y, velocity, density)
        found.append((effective.p_value(value), effective.number, value))
    return np.array(found).T


@pytest.mark.parametrize("kind", FIELDS)
def test_one_in_twenty_maps_that_know_nothing_of_each_other_is_significant(kind):
    p, _, _ = p_values(kind, 200)
    for level, slack in ((0.05, 0.0), (0.2, 0.05)):
        found = binomtest(int(np.sum(p <= level)), p.size).proportion_ci(0.99, "exact")
        assert found.low - slack <= level <= found.high


@pytest.mark.parametrize("pitch_deg", [12.0, 14.0])
def test_waves_through_the_whole_disc_count_as_few_features(pitch_deg):
    """Two spirals of four arms, of the same or nearly the same pitch, at any phase: r scatters widely, which is foreseen."""
    X, Y = cells()
    R, phi = np.hypot(X, Y), np.arctan2(Y, -X)
    r, told, p = [], [], []
    for k in range(60):
        rng = stream_generator(20260101, "test_effective_cells", "waves", str(pitch_deg), str(k))
        phase = rng.uniform(0, 2 * np.pi, 2)
        a, b = (
            np.cos(4 * (phi - np.log(R / R0) / np.tan(np.deg2rad(t))) + start) + 0.5 * FIELDS["spiral"](rng).at(X, Y)
            for t, start in zip((12.0, pitch_deg), phase, strict=True)
        )
        found = effective_cells(X, Y, a, b)
        r.append(np.corrcoef(a, b)[0, 1])
        told.append(found.variance)
        p.append(found.p_value(r[-1]))
    assert np.std(r) > 0.25
    assert np.sqrt(np.nanmean(told)) == pytest.approx(np.std(r), rel=0.25)
    assert np.mean(np.array(p) <= 0.05) <= 0.07


def test_the_shape_of_features_matters():
    """Features long along azimuth in both maps leave fewer independent cells than the same ones, long across in one of them."""
    X, Y = cells()
    R, phi = np.hypot(X, Y), np.arctan2(Y, -X)
    rng = stream_generator(20260101, "test_effective_cells", "shape")
    field = FIELDS["long"](rng).at(X, Y), FIELDS["long"](rng).at(X, Y)
    u, w = np.log(R / R0), phi
    turned = FIELDS["long"](rng).at(-R0 * np.exp(w) * np.cos(u), R0 * np.exp(w) * np.sin(u))
    assert effective_cells(X, Y, *field).number < 0.8 * effective_cells(X, Y, field[0], turned).number


def test_three_tenths_is_found_where_the_number_of_cells_allows_it():
    """At r = 0.3 a power of 80 % needs about 85 independent cells: here round features of 0.5 kpc leave so many, spirals do not."""
    p, number, r = p_values("fine", 150, 0.3, "power", 0.3)
    assert np.mean(r) == pytest.approx(0.3, abs=0.03)
    assert np.median(number) > 85
    assert np.mean(p <= 0.05) >= 0.8
    X, Y = cells()
    rng = stream_generator(20260101, "test_effective_cells", "told")
    told = effective_cells(X, Y, *(FIELDS["round"](rng).at(X, Y) for _ in range(2))).detectable_r()
    assert 0.2 < told < 0.4
    p, number, _ = p_values("spiral", 100, 0.3, "power")
    assert np.median(number) < 60
    assert 0.2 < np.mean(p <= 0.05) < 0.75


def test_white_noise_is_worth_all_its_cells_and_has_the_usual_p_value():
    X, Y = cells()
    rng = stream_generator(20260101, "test_effective_cells", "white")
    found = [effective_cells(X, Y, *rng.standard_normal((2, X.size))).number for _ in range(20)]
    assert np.median(found) == pytest.approx(X.size, rel=0.1)
    a, b = rng.standard_normal((2, X.size))
    b += 0.1 * a
    r, p = pearsonr(a, b)
    exact = EffectiveCells(1 / (X.size - 1), *np.empty((3, 0)))
    assert exact.p_value(r) == pytest.approx(p)


def test_a_moving_average_is_worth_what_its_autocorrelation_says_and_r_scatters_as_is_told():
    """Means of two by two: neighbours have 1/2, diagonal ones 1/4 in common, so n / (1 + 4/4 + 4/16) but for the border."""
    x, y = (part.ravel() for part in np.meshgrid(np.arange(24.0), np.arange(24.0), indexing="ij"))
    rng = stream_generator(20260101, "test_effective_cells", "average")
    noise = rng.standard_normal((20, 2, 25, 25))
    fields = noise[..., 1:, 1:] + noise[..., 1:, :-1] + noise[..., :-1, 1:] + noise[..., :-1, :-1]
    found = [effective_cells(x - 400, y, *pair.reshape(2, -1)).number for pair in fields]
    assert np.median(found) == pytest.approx(576 / 2.25, rel=0.1)
    _, number, r = p_values("long", 150, name="scatter")
    assert np.std(r) == pytest.approx(np.sqrt(np.mean(1 / (number - 1))), rel=0.2)


def test_scale_sign_order_and_threads_do_not_matter():
    X, Y = cells()
    rng = stream_generator(20260101, "test_effective_cells", "scale")
    a, b = (FIELDS["round"](rng).at(X, Y) for _ in range(2))
    first = effective_cells(X, Y, a, b)
    assert effective_cells(X, Y, -3 * a + 100, b).number == pytest.approx(first.number)
    assert effective_cells(X, Y, b, a).number == pytest.approx(first.number)
    order = rng.permutation(X.size)
    assert effective_cells(X[order], Y[order], a[order], b[order]).number == pytest.approx(first.number)
    turn = np.exp(0.7j)
    turned = (X + 1j * Y) * turn
    assert effective_cells(turned.real, turned.imag, a, b).number == pytest.approx(first.number, rel=0.05)
    use_threads(2)
    assert effective_cells(X, Y, a, b).variance == first.variance


def test_the_null_is_in_the_record_and_alone_by_name():
    X, Y = cells()
    rng = stream_generator(20260101, "test_effective_cells", "record")
    field = FIELDS["round"](rng)
    grid = GriddedMap(AXIS[0] - R0, AXIS[0], (0.2, 0.2), field.at(GRID_X, GRID_Y))
    values = FIELDS["round"](rng).at(X, Y)
    shifts, alone = (
        compare_maps(X, Y, values, grid, null, 49, 0.6, SUN, rng) for null in ("shifts", "effective_cells")
    )
    assert alone.r == shifts.r
    assert alone.columns()["kind"].tolist() == ["observed"]
    record, other = alone.record(), shifts.record()
    assert record["p_value"] == record["p_value_effective"] == other["p_value_effective"]
    assert record["n_moves"] == 0
    assert record["r_scatter"] == pytest.approx(1 / np.sqrt(record["n_effective"] - 1))
    curves = other["autocorrelation"]
    assert len(curves["distance_kpc"]) == len(curves["cells"]) == len(curves["grid"])
    assert curves["distance_kpc"][0] == pytest.approx(0.4, rel=0.05)
    assert 0.8 > curves["grid"][0] > 0.4 > curves["grid"][2]


def test_a_single_slope_cannot_be_judged():
    x, y = (part.ravel() for part in np.meshgrid(np.arange(8.0), np.arange(2.0), indexing="ij"))
    grid = GriddedMap(-20.0, -1.0, (1.0, 1.0), np.repeat(np.arange(30.0), 5).reshape(30, 5))
    rng = stream_generator(20260101, "test_effective_cells", "slope")
    found = effective_cells(x - 15, y, x, x)
    if not np.isfinite(found.variance):
        assert found.record(1.0)["n_effective"] is None
        with pytest.raises(DiscatlasError, match="to tell how many are independent"):
            compare_maps(x - 15, y, x, grid, "effective_cells", 1, 0.6, SUN, rng)
    else:
        assert found.number < 6


@pytest.mark.parametrize("study", comparison.STUDIES, ids=lambda study: study.case)
def test_the_calibration_holds_both_nulls_and_knows_why_they_may_fail(study):
    table = calibrate([study], 40, 20260101)
    assert table["estimator"].tolist() == ["map comparison shifts", "map comparison effective_cells"]
    assert (np.abs(table["coverage"] - 0.66) < 0.25).all()
    assert all(study.reason(Key(name, "correlation")) for name in table["estimator"])


def test_fields_of_the_calibration_have_their_length():
    """The correlation of places `d` apart across the features is exp(-(d / 0.6 kpc)^2)."""
    X, Y = np.array([-R0]), np.zeros(1)
    values = []
    for k in range(400):
        rng = stream_generator(20260101, "test_effective_cells", "field", str(k))
        values.append(comparison.draw_field(rng, 1.0, X - np.array([0.0, 0.5]), Y))
    r = np.corrcoef(np.array(values).T)[0, 1]
    assert r == pytest.approx(np.exp(-((0.5 / 0.6) ** 2)), abs=0.1)
