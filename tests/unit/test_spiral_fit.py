"""The likelihood of a spiral: equal to plain numpy, in both parametrisations, with covariances; masks and priors."""

from dataclasses import replace

import numpy as np
import pytest
from made_spiral_map import MODEL, PRIORS, TRUTH, changed, grid, made_likelihood, made_response
from scipy.stats import multivariate_normal

from discatlas.errors import DiscatlasError
from discatlas.maps.windows import Windows, window_members
from discatlas.spiral_fit.covariance import Noise, pooled_errors, shared_correlations
from discatlas.spiral_fit.evidence import cut_off, explained_variance, null_evidences, unwrapped
from discatlas.spiral_fit.likelihood import Likelihood, Response
from discatlas.spiral_fit.masks import Mask, resonance_radii
from discatlas.spiral_fit.nodes import centres, make_nodes, resonance_slope, squares, star_places
from discatlas.spiral_fit.optimum import climb, search
from discatlas.spiral_fit.parameters import MEAN_LIMITS_KMS, PHASE, SURFACE_DENSITY, Priors
from discatlas.spiral_fit.reduction import reduction_at
from discatlas.spiral_fit.reference import plain_ln_likelihood, plain_v_R
from discatlas.spiral_response import linear_places, response_coefficients

CASES = {
    "paper": (MODEL, PRIORS),
    "inside": (changed(pivot_kpc=10.0), replace(PRIORS, pattern_speed_kms_kpc=2.0)),
    "free": (MODEL, replace(PRIORS, pattern_speed_kms_kpc=(5.0, 30.0), mean="free")),
    "sine": (changed(terms="sin_only"), PRIORS),
    "cored": (changed(core_kpc=2.0, normalisation="exponential_disc", m=3), PRIORS),
    "falling": (changed(v_c_slope=-0.2, normalisation="razor_thin", m=1), PRIORS),
    "sharp": (changed(regularisation=0.0), replace(PRIORS, pattern_speed_kms_kpc=2.0)),
}


def random_points(model, priors, n, seed=0):
    return priors.point(np.random.default_rng(seed).random((n, priors.free.size)), model)


def made_stars(seed=0, n=3000):
    rng = np.random.default_rng(seed)
    X, Y = rng.uniform(-12, -6, n), rng.uniform(-3, 3, n)
    members = window_members(X, Y, Windows(((-12.0, -6.0), (-3.0, 3.0)), 0.25, 0.625))
    held = np.flatnonzero(np.diff(members[0]))
    return star_places(X, Y, *members, rng.uniform(0.5, 2.0, members[1].size)).take(held)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("where", ["centres", "squares", "stars"])
def test_means_of_cells_are_those_of_every_place(case, where):
    """Exact over the stars of a window, up to the interpolation between nodes, 0.1 % at a resonance and far less else."""
    model, priors = CASES[case]
    X, Y = grid(0.5)
    places = {"centres": lambda: centres(X, Y), "squares": lambda: squares(X, Y, 0.625), "stars": made_stars}[where]()
    response = Response(model, make_nodes(model, priors, places.R_limits_kpc), places)
    errors = []
    for point in random_points(model, priors, 40):
        plain = plain_v_R(model, places, point)
        errors.append(np.abs(response.v_R(point) - plain).max() / np.abs(plain - point[5]).max())
    is_resonant = resonance_slope(model, priors, places.R_limits_kpc) > 0
    assert max(errors) < (3e-3 if is_resonant else 2e-5)
    assert is_resonant or np.median(errors) < 1e-6


def test_mean_over_a_square_is_that_of_many_places():
    X, Y = grid(0.8)
    steps = (np.arange(41) + 0.5) / 41 * 0.625 - 0.3125
    for point in random_points(MODEL, PRIORS, 5):
        few = plain_v_R(MODEL, squares(X, Y, 0.625), point)
        many = np.mean([plain_v_R(MODEL, centres(X + dx, Y + dy), point) for dx in steps for dy in steps], axis=0)
        assert np.abs(few - many).max() < 1e-3 * np.abs(many).max()
    # a wave of 12.66 deg at the Sun is damped by about 2 % in a window of 0.625 kpc
    ratio = np.linalg.norm(plain_v_R(MODEL, squares(X, Y, 0.625), TRUTH)) / np.linalg.norm(
        plain_v_R(MODEL, centres(X, Y), TRUTH)
    )
    assert 0.95 < ratio < 0.99


@pytest.mark.parametrize("case", ["paper", "free", "sine"])
def test_likelihood_is_the_plain_one(case):
    model, priors = CASES[case]
    response = made_response(model, priors)
    rng = np.random.default_rng(1)
    errors = rng.uniform(0.5, 3.0, response.places.n_cells)
    v_R = rng.normal(0, 5, errors.size)
    n = errors.size
    pairs = np.arange(n - 1), np.arange(1, n), rng.uniform(0.1, 0.45, n - 1)
    for noise in (Noise.diagonal(errors), Noise.windows(errors, *pairs, 0.002)):
        likelihood = Likelihood(response, v_R, noise)
        points = random_points(model, priors, 20)
        plain = np.array([plain_ln_likelihood(model, response.places, v_R, noise, point) for point in points])
        np.testing.assert_allclose(likelihood.many(points), plain, rtol=2e-5)
        assert likelihood(points[3]) == likelihood.many(points)[3]
        # the density of a Gaussian
        covariance = np.diag(errors**2 * (1 + noise.jitter))
        if noise.jitter:
            for a, b, rho in zip(*pairs, strict=True):
                covariance[a, b] = covariance[b, a] = rho * errors[a] * errors[b]
        expected = multivariate_normal.logpdf(v_R, response.v_R(points[0]), covariance)
        assert np.isclose(likelihood(points[0]), expected, rtol=1e-9)


def test_phase_and_time_are_two_ways_to_one_likelihood():
    likelihood = made_likelihood()
    points = random_points(MODEL, PRIORS, 50)
    times = MODEL.time_gyr(points)
    period = np.array([MODEL.period_gyr(point) for point in points])
    assert np.all((times >= 0) & (times < period))
    for shift in (0.0, 1.0, -3.0):
        again = MODEL.with_time(points, times + shift * period)
        np.testing.assert_allclose(np.exp(1j * again[:, PHASE]), np.exp(1j * points[:, PHASE]), atol=1e-9)
        np.testing.assert_allclose(likelihood.many(again), likelihood.many(points), rtol=1e-9)
    # the spiral by its time is the same spiral
    spiral = MODEL.spiral(points[0])
    assert np.isclose(spiral.time_kpc_kms * 0.9777922, times[0], rtol=1e-6)
    np.testing.assert_allclose(MODEL.point(spiral)[:5], points[0][:5], rtol=1e-12)
    # the sampler's cube: uniform in the phase as in the time
    by_time = replace(PRIORS, parametrisation="time").point(np.random.default_rng(2).random((20_000, 4)), MODEL)
    counts = np.histogram(by_time[:, PHASE], 20, (0, 2 * np.pi))[0]
    assert np.all(np.abs(counts - 1000) < 5 * np.sqrt(1000))
    assert counts.sum() == 20_000


def test_response_is_linear_in_surface_density_and_turns_with_the_phase():
    response, point = made_response(), TRUTH.copy()
    whole = response.v_R(point)
    point[SURFACE_DENSITY] *= 0.3
    np.testing.assert_allclose(response.v_R(point), 0.3 * whole, rtol=1e-12, atol=1e-12)
    point = TRUTH.copy()
    point[PHASE] += np.pi
    np.testing.assert_allclose(response.v_R(point), -whole, rtol=1e-9, atol=1e-9)
    # sin-only is the sine term alone
    terms = response_coefficients(MODEL.spiral(TRUTH), 9.0, *MODEL.frequencies(9.0))
    spiral = MODEL.spiral(TRUTH)
    places = centres([-9.0], [0.0])
    sine = Response(changed(terms="sin_only"), make_nodes(MODEL, PRIORS, (8.0, 10.0)), places).v_R(TRUTH)
    np.testing.assert_allclose(sine, terms.v_R_sin_kms * np.sin(spiral.phase(9.0, 0.0)), rtol=1e-5)


def test_reduction_multiplies_the_response():
    speeds, pitches, radii = np.array([10.0, 14.0]), np.array([4.0, 30.0]), np.linspace(5, 15, 40)
    s, p, R = (x.ravel() for x in np.meshgrid(speeds, pitches, radii, indexing="ij"))
    table = {"sigma_R_kms": np.full(s.size, 35.0), "pattern_speed_kms_kpc": s, "pitch_deg": p, "R_kpc": R}
    table |= {"factor_real": 0.3 + 0.01 * s, "factor_imag": 0.02 * p}
    cold = made_response()
    warm = replace(cold, reduction=reduction_at(cold.nodes, PRIORS, table, None, "table"))
    g, h = (response.at_nodes(TRUTH)[1:].reshape(-1, 2) @ [1, 1j] for response in (cold, warm))
    np.testing.assert_allclose(h, g * (0.3 + 0.12 + 0.02j * 12.66), rtol=1e-12)
    turned = TRUTH.copy()  # a phase lead moves the pattern as a smaller phase does
    factor = np.abs(0.42 + 0.02j * 12.66)
    turned[PHASE] -= np.angle(0.42 + 0.02j * 12.66)
    np.testing.assert_allclose(warm.v_R(TRUTH), factor * cold.v_R(turned), rtol=1e-9, atol=1e-9)
    with pytest.raises(DiscatlasError, match="pattern_speed_kms_kpc is tabulated from 10 to 14, the fit needs 2"):
        reduction_at(cold.nodes, replace(PRIORS, pattern_speed_kms_kpc=2.0), table, 35.0, "table")
    with pytest.raises(DiscatlasError, match="got sigma_R_kms 20, expected one of 35"):
        reduction_at(cold.nodes, PRIORS, table, 20, "table")


def test_whitened_noise_is_independent_and_coloured_noise_has_its_covariance():
    rng = np.random.default_rng(3)
    places = made_stars(n=800)
    a, b, rho = shared_correlations(places)
    n = places.n_cells
    dense = np.eye(n)
    dense[a, b] = dense[b, a] = rho
    # the correlation of two weighted means, by hand
    members = [
        dict(
            zip(
                places.indices[slice(*places.offsets[k : k + 2])],
                places.weights[slice(*places.offsets[k : k + 2])],
                strict=True,
            )
        )
        for k in (a[50], b[50])
    ]
    shared = sum(np.sqrt(members[0][star] * members[1][star]) for star in members[0].keys() & members[1].keys())
    assert np.isclose(rho[50], shared / np.sqrt(sum(members[0].values()) * sum(members[1].values())))
    assert np.linalg.eigvalsh(dense).min() > -1e-9
    noise = Noise.windows(np.full(n, 2.0), a, b, rho, 0.002)
    assert noise.jitter == 0.002
    factor = np.stack([noise.colour(row) for row in np.eye(n)], axis=1)
    np.testing.assert_allclose(factor @ factor.T, 4.0 * (dense + 0.002 * np.eye(n)), atol=1e-9)
    normals = rng.standard_normal(n)
    np.testing.assert_allclose(noise.whiten(noise.colour(normals)), normals, atol=1e-8)
    np.testing.assert_allclose(noise.whiten(factor), np.eye(n), atol=1e-7)
    assert n / 12 < noise.n_effective < n / 4  # the windows cover 6.25 cells


def test_windows_of_the_same_stars_are_one_measurement():
    """Two windows that hold the same stars count as one: their correlation of 1 is no failure."""
    errors = np.full(2, 2.0)
    noise = Noise.windows(errors, [0], [1], [1.0], 1e-4)
    white = noise.whiten(np.ones(2))
    assert np.isclose(white @ white, 1 / 4, rtol=1e-3)  # not 2/4
    with pytest.raises(DiscatlasError, match=r"correlation of 1\.5"):
        Noise.windows(errors, [0], [1], [1.5], 0.0)
    with pytest.raises(DiscatlasError, match="not positive definite"):
        Noise.windows(np.ones(3), [0, 0, 1], [1, 2, 2], [-0.9, -0.9, -0.9], 0.0)


def test_effective_number_gives_the_error_of_a_mean_over_correlated_cells():
    X, Y = (x.ravel() for x in np.meshgrid(np.arange(0, 12, 0.25), np.arange(0, 12, 0.25)))
    noise = Noise.effective(np.ones(X.size), X, Y, 0.5)
    rho = np.exp(-0.5 * ((X[:, None] - X) ** 2 + (Y[:, None] - Y) ** 2) / 0.25)
    assert np.isclose(noise.errors[0] ** 2 / X.size, rho.mean(), rtol=1e-12)  # the variance of the mean
    assert np.isclose(noise.n_effective, 1 / rho.mean())


def test_pooled_errors_scatter_less_and_keep_gradients():
    rng = np.random.default_rng(4)
    X, Y = (x.ravel() for x in np.meshgrid(np.arange(-14, -5, 0.25), np.arange(-4, 4, 0.25), indexing="ij"))
    n = np.round(np.exp(rng.uniform(3, 5, X.size)))
    true = (20 + (X + 10)) / np.sqrt(n)
    rough = true * np.exp(0.15 * rng.standard_normal(X.size))
    pooled = pooled_errors(rough, n, X, Y)
    assert np.std(np.log(pooled / true)) < 0.05
    assert abs(np.mean(np.log(pooled / true))) < 0.04
    rough[5] = np.nan
    assert np.isnan(pooled_errors(rough, n, X, Y)[5])


def test_null_evidence_is_the_integral_over_the_constant():
    likelihood = made_likelihood(error=4.0)
    means = np.linspace(*MEAN_LIMITS_KMS, 40_001)
    ln = np.array([likelihood.constant(mean) for mean in means])
    integral = np.log(np.mean(np.exp(ln - ln.max()))) + ln.max()
    found = null_evidences(likelihood)
    assert np.isclose(found["constant"], integral, atol=1e-3)
    assert np.isclose(found["zero"], likelihood.constant(0.0))
    empty = Likelihood(likelihood.response, np.zeros(likelihood.n_cells), likelihood.noise)
    assert null_evidences(empty)["constant"] < null_evidences(empty)["zero"]  # Occam: nothing to explain


def test_explained_variance_of_the_truth_and_of_nothing():
    v_R, errors = np.array([1.0, -2.0, 3.0]), np.array([1.0, 2.0, 1.0])
    assert explained_variance(v_R, v_R, errors, False) == 1.0
    assert explained_variance(v_R, np.zeros(3), errors, False) == 0.0
    assert np.isclose(explained_variance(v_R, np.full(3, np.average(v_R, weights=errors**-2)), errors, True), 0.0)


@pytest.mark.parametrize("free", [False, True])
def test_the_grid_finds_the_best_point_whatever_the_phase(free):
    priors = replace(PRIORS, pattern_speed_kms_kpc=(8.0, 25.0), mean="free") if free else PRIORS
    for phase in (0.1, 3.0, 6.2):
        truth = TRUTH.copy()
        truth[PHASE] = phase
        truth[5] = 3.0 if free else 0.0
        likelihood = made_likelihood(truth, error=0.5, priors=priors, step=0.8)
        best = max((climb(likelihood, priors, point) for point in search(likelihood, priors)), key=lambda pair: pair[1])
        assert best[1] > likelihood(truth)
        assert abs(np.angle(np.exp(1j * (best[0][PHASE] - phase)))) < 0.1
        assert abs(best[0][2] - 12.66) < 1.0


def test_resonances_lie_where_they_must():
    radii = resonance_radii(MODEL, 12.0)
    for name, R in zip(radii, (5.59, 12.34, 19.08, 25.83, 32.58), strict=True):
        assert abs(radii[name] - R) < 0.006
    assert np.isnan(resonance_radii(changed(core_kpc=5.0), 200.0)["ilr"])


def judge(mask, priors=PRIORS, model=MODEL, errors=None, v_R=None):
    R = np.linspace(3, 20, 171)
    ones = np.ones(R.size)
    return R, mask.judge(R, ones if v_R is None else v_R, ones if errors is None else errors, model, priors, "map")


def test_masks_are_those_of_the_linear_response():
    reference = {"limit": 0.25, "surface_density_msun_kpc2": 4e6, "scale_length_kpc": 10.0, "pitch_deg": 12.0}
    R, reason = judge(Mask((5.0, 20.0), 0.08, reference))
    point = np.array([10.0, 4e6, 12.0, 0.0, 12.0, 0.0])
    linear = linear_places(MODEL.spiral(point), R, *MODEL.frequencies(R), 0.25, 0.08, 0.08)
    inside = R >= 5.0
    np.testing.assert_array_equal(reason[inside] == "used", linear[inside])
    assert set(reason[~inside]) == {"outside"}
    assert {"resonance", "crowding"} < set(reason)
    v_R, errors = np.ones(R.size), np.ones(R.size)
    v_R[60], errors[61], errors[62] = np.nan, 0.0, np.nan
    reason = judge(Mask((5.0, 20.0), None, None), errors=errors, v_R=v_R)[1]
    assert reason[60:64].tolist() == ["no_value", "no_error", "no_error", "used"]


@pytest.mark.parametrize(
    ("mask", "changes", "match"),
    [
        (Mask((30.0, 40.0), None, None), {}, "no valid cells.*the cells have R 3.00 to 20.00 kpc: change R_limits_kpc"),
        (Mask((12.2, 12.5), 0.2, None), {}, "no valid cells.*take a smaller resonance_margin"),
        (Mask((5.0, 20.0), None, None), {"errors": np.zeros(171)}, "errors are zero or missing: set floor_kms above 0"),
        (Mask((5.0, 20.0), None, None), {"v_R": np.full(171, np.nan)}, "no cell has a v_R"),
        (
            Mask((5.0, 20.0), None, None),
            {"model": changed(regularisation=0.0)},
            "ILR at 5.59 kpc lies among the cells and is neither masked nor",
        ),
        (
            Mask((5.0, 20.0), 0.08, None),
            {"priors": replace(PRIORS, pattern_speed_kms_kpc=(1.0, 30.0))},
            "need a fixed pattern speed.*set both to null",
        ),
        (
            Mask((5.0, 20.0), None, None),
            {"priors": replace(PRIORS, pattern_speed_kms_kpc=(1.0, 30.0)), "model": changed(regularisation=0.0)},
            "regularisation 0 with a free pattern speed",
        ),
    ],
)
def test_masks_that_leave_nothing_say_what_to_change(mask, changes, match):
    with pytest.raises(DiscatlasError, match=match):
        judge(mask, **changes)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"pitch_deg": (0.0, 30.0)}, "prior of pitch_deg: got .0.0, 30.0., expected within 0.1 to 89.9"),
        ({"pitch_deg": (4.0, 95.0)}, "not physical"),
        ({"scale_length_kpc": (-2.0, 10.0)}, "prior of scale_length_kpc"),
        ({"scale_length_kpc": (10.0, 2.0)}, "expected low below high"),
        ({"surface_density_msun_kpc2": (-1.0, 10.0)}, "prior of surface_density_msun_kpc2"),
        ({"pattern_speed_kms_kpc": -5.0}, "prior of pattern_speed_kms_kpc"),
        ({"pattern_speed_kms_kpc": (5.0, float("nan"))}, "expected two numbers"),
        ({"mean": "fre"}, "unknown mean 'fre' .nearest: 'free'."),
        ({"parametrisation": "times"}, "nearest: 'time'"),
    ],
)
def test_priors_outside_what_is_physical_are_refused(changes, match):
    with pytest.raises(DiscatlasError, match=match):
        Priors(
            **(
                {
                    "scale_length_kpc": (2, 9),
                    "surface_density_msun_kpc2": (1, 2),
                    "pitch_deg": (4, 30),
                    "pattern_speed_kms_kpc": 2,
                }
                | changes
            )
        )


@pytest.mark.parametrize(
    ("changes", "match"),
    [({"terms": "both"}, "terms"), ({"v_c_slope": -1.0}, "kappa"), ({"regularisation": -0.1}, "regularisation")],
)
def test_models_that_cannot_be_are_refused(changes, match):
    with pytest.raises(DiscatlasError, match=match):
        changed(**changes)


def test_phases_are_unwrapped_about_their_mean():
    rng = np.random.default_rng(5)
    phase = np.mod(0.05 + 0.2 * rng.standard_normal(1000), 2 * np.pi)
    assert np.ptp(phase) > 6
    assert np.ptp(unwrapped(phase)) < 2


def test_a_posterior_that_its_prior_cuts_off_is_told():
    rng = np.random.default_rng(6)
    normal = rng.standard_normal(4000)
    assert cut_off(np.abs(normal), 0.0, 30.0) == "low"
    assert cut_off(5 - rng.exponential(1.0, 4000), -30.0, 5.0) == "high"
    assert cut_off(rng.random(4000), 0.0, 1.0) == "both"
    assert cut_off(normal, -3.0, 3.0) is None
    assert cut_off(0.04 * normal + 3.7, 1.0, 300.0) is None
