"""Simulated stars: the IMF comes back from the weights, none is dead, and they lie where stars lie."""

from itertools import pairwise

import numba
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from discatlas.errors import DiscatlasError
from discatlas.isochrones import living_masses, load_isochrones
from discatlas.photometry import BANDS, read_bolometric_corrections
from discatlas.simulation.stars import (
    IMFS,
    StarSampling,
    draw_initial_masses,
    draw_stars,
    initial_mass_function,
)
from discatlas.streams import stream_generator
from places import ROOT

ENTRY = {
    "imf": "kroupa2001",
    "evolved_fraction": 0.5,
    "mass_min_msun": 0.7,
    "young_mass_min_msun": 2.0,
    "young_mass_slope": 1.0,
    "mass_max_msun": 120.0,
}


@pytest.fixture(scope="module")
def tools():
    return {
        "grid": load_isochrones((-1.0, 0.5), (6.0, 10.2)),
        "corrections": read_bolometric_corrections(ROOT / "resources" / "mist_bolometric_corrections.csv"),
    }


def draw(tools, age, feh, population, step="a", **changes):
    sampling = StarSampling.from_config(ENTRY | changes)
    return draw_stars(age, feh, population, stream_generator(1, "test_stars", step), sampling=sampling, **tools)


def disc(n, step="disc"):
    """Ages and metallicities of a thin, a thick and a young population."""
    rng = stream_generator(2, "test_stars", step)
    population = np.repeat(["thin", "thick", "young"], [n - 2 * (n // 5), n // 5, n // 5])
    age = np.select(
        [population == "thin", population == "thick"],
        [rng.uniform(0.05, 10, n), rng.uniform(8, 13, n)],
        rng.uniform(0.002, 0.3, n),
    )
    return age, rng.normal(np.where(population == "thick", -0.5, -0.05), 0.15), population


@pytest.mark.parametrize("name", list(IMFS))
def test_imf_is_normalised_continuous_and_inverts(name):
    imf = initial_mass_function(name)
    edges = imf.limits_msun
    total = sum(quad(imf.density, a, b, epsabs=1e-12)[0] for a, b in pairwise(edges))
    assert total == pytest.approx(1.0, abs=1e-9)
    for edge in edges[1:-1]:
        assert imf.density(edge * (1 - 1e-12)) == pytest.approx(imf.density(edge), rel=1e-9)
    mass = np.geomspace(edges[0], edges[-1], 500)
    np.testing.assert_allclose(imf.quantile(imf.cumulative(mass)), mass, rtol=1e-9)
    assert imf.cumulative(8.0) == pytest.approx(1 - quad(imf.density, 8.0, edges[-1])[0], abs=1e-9)
    assert imf.density([0.01, 200.0]).tolist() == [0.0, 0.0]


def test_imf_slopes_and_numbers_are_those_of_the_papers():
    kroupa, salpeter = (initial_mass_function(name) for name in ("kroupa2001", "salpeter1955"))
    for imf, mass, slope in ((kroupa, 0.2, 1.3), (kroupa, 0.8, 2.3), (kroupa, 30.0, 2.3), (salpeter, 0.3, 2.35)):
        change = np.diff(np.log(imf.density([mass, mass * 1.01])))[0] / np.log(1.01)
        assert change == pytest.approx(-slope, abs=1e-9)
    # Kroupa 2001: the mean mass of stars is near 0.6 solar masses, and one star in about 150 is heavier than 8
    mean = sum(quad(lambda m: m * kroupa.density(m), a, b)[0] for a, b in ((0.08, 0.5), (0.5, 120.0)))
    assert mean == pytest.approx(0.6, abs=0.05)
    assert 1 - kroupa.cumulative(8.0) == pytest.approx(1 / 150, rel=0.1)


def test_initial_masses_follow_the_imf_between_any_limits():
    imf = initial_mass_function("kroupa2001")
    rng = stream_generator(3, "test_stars")
    masses = draw_initial_masses(20_000, rng, imf, 0.1, 50.0)
    below, above = imf.cumulative(0.1), imf.cumulative(50.0)
    assert kstest(masses, lambda m: (imf.cumulative(m) - below) / (above - below)).pvalue > 0.001
    low = rng.uniform(0.1, 5.0, 20_000)
    masses = draw_initial_masses(20_000, rng, imf, low, low * 1.0001)
    assert ((masses >= low * (1 - 1e-12)) & (masses <= low * 1.0001 * (1 + 1e-12))).all()


@pytest.mark.parametrize(("age", "feh", "population"), [(0.5, 0.1, "thin"), (9.0, -0.4, "thick"), (0.02, 0.0, "young")])
def test_weights_give_back_the_imf(tools, age, feh, population):
    """The number of living stars between two masses per star ever formed is the integral of the IMF."""
    n = 60_000
    stars, _ = draw(tools, np.full(n, age), feh, population)
    imf = initial_mass_function(ENTRY["imf"])
    masses = living_masses(tools["grid"], np.log10(age) + 9, feh)
    low = ENTRY["young_mass_min_msun"] if population == "young" else ENTRY["mass_min_msun"]
    turnoff, tip = masses.turnoff[0], masses.tip[0]
    edges = np.unique([*np.geomspace(low, turnoff, 9), *np.linspace(turnoff, tip, 6)])
    for a, b in pairwise(edges):
        inside = (stars["initial_mass_msun"] >= a) & (stars["initial_mass_msun"] < b)
        weight = np.where(inside, stars["weight"], 0.0)
        expected = imf.cumulative(b) - imf.cumulative(a)
        assert abs(weight.mean() - expected) < 4 * weight.std() / np.sqrt(n)
    total = imf.cumulative(tip) - imf.cumulative(low)
    assert abs(stars["weight"].mean() - total) < 4 * stars["weight"].std() / np.sqrt(n) + 1e-12


def test_weights_do_not_depend_on_how_much_the_evolved_are_favoured(tools):
    """The weighted number of clump stars is the same, its error smaller where they are favoured."""
    n = 40_000
    means, errors = [], []
    for fraction in (0.0, 0.8):
        stars, _ = draw(tools, np.full(n, 3.0), 0.0, "thin", evolved_fraction=fraction)
        weight = np.where(stars["phase"] == 3, stars["weight"], 0.0)
        means.append(weight.mean())
        errors.append(weight.std() / np.sqrt(n))
    assert abs(means[1] - means[0]) < 4 * np.hypot(*errors)
    assert errors[1] < errors[0] / 3


def test_all_stars_live_and_have_everything(tools):
    age, feh, population = disc(50_000)
    stars, counts = draw(tools, age, feh, population)
    assert list(stars) == [
        "initial_mass_msun",
        "mass_msun",
        "teff_K",
        "logg_dex",
        "log_luminosity_dex",
        "phase",
        *(f"M_{band}_mag" for band in BANDS),
        "weight",
    ]
    for values in stars.values():
        assert values.shape == (50_000,)
        assert np.isfinite(values).all()
    assert (stars["weight"] > 0).all()
    tip = living_masses(tools["grid"], np.log10(age) + 9, np.clip(feh, -1.0, 0.5)).tip
    assert (stars["initial_mass_msun"] <= tip).all()
    assert set(np.unique(stars["phase"])) <= {-1, 0, 2, 3, 4, 5, 9}
    assert counts["beyond_bolometric_corrections"] < 0.01 * age.size


def test_half_of_the_disc_has_evolved_and_the_young_are_hot(tools):
    age, feh, population = disc(50_000)
    stars, _ = draw(tools, age, feh, population)
    old = population != "young"
    evolved = np.mean(stars["phase"][old] >= 2)
    assert abs(evolved - 0.52) < 0.02  # the chosen half, and the few that the IMF gives anyway
    assert np.mean(stars["teff_K"][~old] > 8000) > 0.9
    assert stars["initial_mass_msun"][~old].min() >= 2.0


def test_the_red_clump_is_where_it_is_observed(tools):
    """M_Ks = -1.61 (Ruiz-Dern et al. 2018, A&A 609, A116), with stars of the ages and metallicities of the disc."""
    age, feh, population = disc(60_000, "clump")
    stars, _ = draw(tools, age, feh, population)
    clump = (stars["phase"] == 3) & (population == "thin") & (stars["initial_mass_msun"] < 2.0)
    M_Ks, weight = stars["M_Ks_mag"][clump], stars["weight"][clump]
    number, edges = np.histogram(M_Ks, bins=np.arange(-3.025, 0.0, 0.05), weights=weight)
    mode = edges[np.argmax(number)] + 0.025
    assert mode == pytest.approx(-1.61, abs=0.08)
    assert abs(np.quantile(M_Ks, 0.84) - np.quantile(M_Ks, 0.16)) < 0.4
    assert np.median(stars["logg_dex"][clump]) == pytest.approx(2.45, abs=0.1)


def test_no_comb_on_the_giant_branch(tools):
    """Stars spread smoothly in log g: no excess in any narrow bin over its neighbours beyond chance."""
    n = 100_000
    rng = stream_generator(4, "test_stars")
    stars, _ = draw(tools, rng.uniform(2, 10, n), rng.normal(0.0, 0.15, n), "thin", evolved_fraction=1.0)
    branch = stars["phase"] == 2
    number, _ = np.histogram(stars["logg_dex"][branch], bins=np.arange(2.9, 3.6, 0.01))
    smooth = (number[:-2] + number[2:]) / 2
    pull = (number[1:-1] - smooth) / np.sqrt(1.5 * smooth)
    assert np.abs(pull).max() < 4
    assert pull.std() < 1.25


def test_same_stream_same_stars_for_any_number_of_threads(tools):
    age, feh, population = disc(5000)
    threads = numba.get_num_threads()
    try:
        draws = []
        for count in (1, numba.config.NUMBA_NUM_THREADS):
            numba.set_num_threads(count)
            draws.append(draw(tools, age, feh, population)[0])
    finally:
        numba.set_num_threads(threads)
    assert all(draws[0][name].tobytes() == draws[1][name].tobytes() for name in draws[0])
    other, _ = draw(tools, age, feh, population, step="b")
    assert not np.array_equal(other["initial_mass_msun"], draws[0]["initial_mass_msun"])


def test_stars_beyond_the_isochrones_are_counted(tools):
    age, feh = [0.0001, 1.0, 1.0, 1.0], [0.0, -1.5, 0.6, 0.0]
    stars, counts = draw(tools, age, feh, ["young", "thin", "thin", "thin"])
    assert (counts["age_beyond_isochrones"], counts["feh_beyond_isochrones"]) == (1, 2)
    edge, _ = draw(tools, [0.001, 1.0, 1.0, 1.0], [0.0, -1.0, 0.5, 0.0], ["young", "thin", "thin", "thin"])
    for name, values in stars.items():
        np.testing.assert_allclose(values, edge[name], rtol=1e-9)


def test_bad_input_says_what_is_wrong(tools):
    with pytest.raises(DiscatlasError, match=r"unknown IMF 'kroupa' \(nearest: 'kroupa2001'\)"):
        initial_mass_function("kroupa")
    with pytest.raises(DiscatlasError, match=r"unknown population 'thicker' \(nearest: 'thick'\)"):
        draw(tools, [1.0], [0.0], ["thicker"])
    with pytest.raises(DiscatlasError, match="age_Gyr of star 1 is -2, expected a positive age"):
        draw(tools, [1.0, -2.0], [0.0, 0.0], "thin")
    with pytest.raises(DiscatlasError, match="feh_dex of star 0 is nan, expected a number"):
        draw(tools, [1.0], [np.nan], "thin")
    with pytest.raises(
        DiscatlasError, match=r"young_mass_min_msun is 2 msun, but at an age of 3 Gyr .* heaviest living star"
    ):
        draw(tools, [3.0], [0.0], "young")
    with pytest.raises(DiscatlasError, match=r"mass_min_msun is 0.1 msun, .* isochrones begin at"):
        draw(tools, [1.0], [0.4], "thin", mass_min_msun=0.1)
