"""Planes of velocity and action: symmetry, the Jacobian, moving groups, and the scripts from stars or arrays to tables."""

import json

import numpy as np
import pytest
from made_potential import plane_columns, write_tables
from orbit_models import BAR, LIFE_KPC_KMS, khalil_plane, published, spiral_config
from scipy.stats import binom, kstest

import bin_velocity_plane
import clean_published_histogram
import predict_velocity_plane
from discatlas.bar_spirals.action_plane import ActionBins, ActionMap
from discatlas.bar_spirals.resonant_lines import resonance_radius
from discatlas.bar_spirals.velocity_histogram import Neighbourhood, count_stars, edges_of, histogram_columns
from discatlas.bar_spirals.velocity_plane import (
    cell_area,
    group_places,
    predict_plane,
    sirius_error,
    sirius_ratio,
)
from discatlas.contracts import load_contract
from discatlas.dynamics.action_table import RadialActionTable
from discatlas.dynamics.actions import radial_action
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel
from discatlas.dynamics.distribution import DistributionFunction
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError
from discatlas.tables import read_columns, read_provenance, write_table
from places import REAL_DATA

R0 = 8.275
DISTRIBUTION = {
    "scale_length_kpc": 2.4,
    "sigma_scale_kpc": 10.0,
    "R0_kpc": R0,
    "components": [{"sigma_R_kms": 30.0, "weight": 1.0}, {"sigma_R_kms": 55.0, "weight": 0.05}],
}
GRID = {"v_R_kms": [-79, 79, 2], "v_phi_kms": [110, 330, 4]}
HISTOGRAM = REAL_DATA / "gaia_rvs_disc_maps/solar_velocity_histogram.npy"


@pytest.fixture(scope="module")
def khalil_model():
    return BarredModel(khalil_plane(), published(), DistributionFunction.from_config(DISTRIBUTION), LIFE_KPC_KMS)


@pytest.fixture(scope="module")
def action_table():
    return RadialActionTable.build(PlaneProfile.from_columns(plane_columns()))


@pytest.mark.parametrize(("arms", "expected"), [((), -0.11), ((2, 3), 0.05)])
def test_sirius_needs_the_spirals(khalil_model, arms, expected):
    """The published contrasts: a fall of 11 % with the bar alone, a rise of 5 % with the spirals."""
    grid = VelocityGrid.from_config(GRID)
    found = predict_plane(khalil_model.replace(published(arms=arms)), R0, 0.0, grid, "fast")
    assert abs(sirius_ratio(found.density, grid) - expected) < 0.02
    places = group_places(found.density, found.density_equilibrium, grid, 241.4)
    assert abs(places["hercules"] - 209) < 6
    assert abs(places["hat"] - 290) < 6
    assert places["hercules"] < places["gap"] < 240


def test_planes_are_normalised_and_the_equilibrium_is_even(khalil_model):
    grid = VelocityGrid.from_config(GRID)
    found = predict_plane(khalil_model, R0, 0.0, grid, "fast")
    for density in found[:2]:
        assert density.sum() * cell_area(grid) == pytest.approx(1.0, abs=1e-12)
    even = found.density_equilibrium
    np.testing.assert_allclose(even, even[::-1], rtol=1e-12)
    assert np.abs(found.density / found.density[::-1] - 1).max() > 0.5  # bar and spirals are not
    assert 0.8 < found.surface_density_ratio < 1.2


def test_the_equilibrium_is_what_integration_without_bar_and_spirals_gives(khalil_model):
    grid = VelocityGrid.from_config({"v_R_kms": [-60, 60, 40], "v_phi_kms": [180, 280, 25]})
    integrated = predict_plane(khalil_model.equilibrium(), R0, 0.0, grid, "reference").density
    stated = predict_plane(khalil_model, R0, 0.0, grid, "fast").density_equilibrium
    np.testing.assert_allclose(integrated, stated, rtol=1e-6)


def test_true_resonances(khalil_model):
    """Corotation and the outer 6:1, 4:1 and 2:1 of SCIENCE, to what galpy's potential differs."""
    radii = [resonance_radius(khalil_model.plane, 37.0, l, m) for l, m in ((0, 1), (1, 6), (1, 4), (1, 2))]  # noqa: E741
    np.testing.assert_allclose(radii, [6.4898, 8.0601, 8.7842, 10.8072], rtol=4e-4)


def made_plane(grid, slope=0.0):
    """A density that is a power of the distance to a point, rising along v_R by `slope` per km/s."""
    v_R, v_phi = grid.v_R_kms[:, None], grid.v_phi_kms
    return np.exp(-0.5 * (v_R / 35) ** 2 - 0.5 * ((v_phi - 230) / 24) ** 2) * (1 + slope * v_R)


def test_nothing_is_lost_on_the_way_to_actions(action_table):
    grid = VelocityGrid.from_config({"v_R_kms": [-99, 99, 2], "v_phi_kms": [151, 299, 2]})
    density = made_plane(grid, 0.003)
    bins = ActionBins.from_config({"L_z_kpc_kms": [1000, 2600, 10], "J_R_kpc_kms": [0, 400, 4]})
    spread = ActionMap(grid, R0, action_table, bins)
    held, ones = spread.spread([density, np.ones_like(density)])
    assert held.sum() == pytest.approx(density.sum(), rel=1e-12)
    L = bins.centres()[0].reshape(held.shape)
    mean_L = np.sum(held * L) / held.sum()
    assert mean_L == pytest.approx(R0 * np.sum(density * grid.v_phi_kms) / density.sum(), rel=1e-4)
    # angular momentum is linear in v_phi: bins of it hold equal shares of a flat density
    inside = ones.sum(axis=1)[(L[:, 0] > 1300) & (L[:, 0] < 2400)]
    np.testing.assert_allclose(inside, 10 / R0 / 2 * grid.v_R_kms.size, rtol=1e-9)
    narrow = ActionBins(bins.L_z_kpc_kms, bins.J_R_kpc_kms[:11])
    (part,) = ActionMap(grid, R0, action_table, narrow).spread([density])
    np.testing.assert_allclose(part, held[:, :10], rtol=1e-12)  # what lies beyond is left out, not moved


def test_the_jacobian_is_that_of_drawn_velocities(action_table):
    """Stars drawn from the bins fall into the bins of action as often as these hold of the density."""
    grid = VelocityGrid.from_config({"v_R_kms": [-99, 99, 2], "v_phi_kms": [151, 299, 2]})
    density = made_plane(grid, 0.003)
    bins = ActionBins.from_config({"L_z_kpc_kms": [1000, 2600, 40], "J_R_kpc_kms": [0, 400, 10]})
    (held,) = ActionMap(grid, R0, action_table, bins).spread([density / density.sum()])
    rng, n = np.random.default_rng(5), 60_000
    cell = rng.choice(density.size, n, p=(density / density.sum()).ravel())
    v_R, v_phi = (axis[cell] + rng.uniform(-1, 1, n) for axis in grid.velocities())
    J = action_table.radial_action(R0, v_R, v_phi)
    counts = np.histogram2d(R0 * v_phi, J, bins=(bins.L_z_kpc_kms, bins.J_R_kpc_kms))[0]
    often = n * held > 10
    assert often.sum() > 100
    ranks = binom.cdf(counts[often] - 1, n, held[often]) + rng.random(often.sum()) * binom.pmf(
        counts[often], n, held[often]
    )
    assert kstest(ranks, "uniform").pvalue > 1e-3
    assert (counts[n * held < 1e-9] == 0).all()


def test_sirius_of_a_plane_written_down():
    grid = VelocityGrid.from_config(GRID)
    assert sirius_ratio(np.ones(grid.shape), grid) == pytest.approx(0.0, abs=1e-12)
    rising = np.ones(grid.shape) * (1 - 0.01 * grid.v_R_kms[:, None])
    assert sirius_ratio(rising, grid) == pytest.approx(0.12, abs=1e-12)
    short = VelocityGrid.from_config({"v_R_kms": [1, 79, 2], "v_phi_kms": [110, 330, 4]})
    assert sirius_ratio(np.ones(short.shape), short) is None


def test_the_error_of_sirius_is_that_of_counts():
    grid = VelocityGrid.from_config(GRID)
    mean = 400 * made_plane(grid)
    rng = np.random.default_rng(3)
    draws = [rng.poisson(mean) for _ in range(400)]
    pulls = [(sirius_ratio(n, grid) - sirius_ratio(mean, grid)) / sirius_error(n, grid) for n in draws]
    inside = np.count_nonzero(np.abs(pulls) < 1)
    assert abs(inside - 400 * 0.683) < 4 * np.sqrt(400 * 0.683 * 0.317)


def test_groups_are_found_where_they_were_put():
    grid = VelocityGrid.from_config({"v_R_kms": [-99, 99, 2], "v_phi_kms": [101, 339, 2]})
    base = made_plane(grid)
    bumps = {"hercules": (203.3, 0.8), "gap": (224.1, -0.5), "hat": (287.7, 0.6)}
    shape = 1 + sum(size * np.exp(-0.5 * ((grid.v_phi_kms - place) / 5) ** 2) for place, size in bumps.values())
    found = group_places(base * shape, base, grid, 240.0)
    for name, (place, _) in bumps.items():
        assert found[name] == pytest.approx(place, abs=0.3)
    smooth = group_places(base, base, grid, 240.0)
    assert smooth == {"hercules": None, "gap": None, "hat": None}


def test_the_neighbourhood_lies_where_its_azimuth_says():
    near = Neighbourhood(8.0, 30.0, 0.3, 0.2)
    phi = np.radians(30.0)
    X, Y = -8.0 * np.cos(phi), 8.0 * np.sin(phi)
    places = np.array([[X, Y, 0.1], [X + 0.29, Y, 0], [X + 0.31, Y, 0], [X, Y, -0.21], [X, -Y, 0], [-X, Y, 0]])
    np.testing.assert_array_equal(near.holds(*places.T), [True, True, False, False, False, False])
    with pytest.raises(DiscatlasError, match="above 0"):
        Neighbourhood.from_config({"R_kpc": 8.0, "phi_deg": 0.0, "radius_kpc": 0.0, "height_kpc": 0.3})


PHASE_SPACE = ("X_kpc", "Y_kpc", "Z_kpc", "v_R_kms", "v_phi_kms")


def write_stars(path, n=3000, seed=2):
    rng = np.random.default_rng(seed)
    columns = {name: np.zeros(n) for name in load_contract("phase_space").select(required_columns())}
    columns |= {"source_id": np.arange(n), "X_kpc": -R0 + rng.normal(0, 0.2, n), "Y_kpc": rng.normal(0, 0.2, n)}
    columns |= {"Z_kpc": rng.normal(0, 0.2, n), "v_R_kms": rng.normal(0, 35, n), "v_phi_kms": rng.normal(230, 25, n)}
    columns["v_R_kms"][::7] = np.nan
    columns["R_kpc"] = np.hypot(columns["X_kpc"], columns["Y_kpc"])
    write_table(path, load_contract("phase_space"), columns, {"sample": "made"})
    return columns


def required_columns():
    return [column.name for column in load_contract("phase_space").columns if not column.optional]


PLACE = {"R_kpc": R0, "phi_deg": 0.0, "radius_kpc": 0.3, "height_kpc": 0.3}
BINS = {"v_R_kms": [-99, 99, 6], "v_phi_kms": [103, 337, 6]}


def test_stars_are_counted_near_the_place_only(tmp_path):
    stars = write_stars(tmp_path / "stars.parquet")
    table = tmp_path / "velocity_plane.parquet"
    bin_velocity_plane.run(stars=tmp_path / "stars.parquet", table=table, **PLACE, **BINS, threads=1)
    near = np.hypot(stars["X_kpc"] + R0, stars["Y_kpc"]) < 0.3
    near &= (np.abs(stars["Z_kpc"]) < 0.3) & np.isfinite(stars["v_R_kms"])
    grid = VelocityGrid.from_config(BINS)
    expected = np.histogram2d(
        stars["v_R_kms"][near], stars["v_phi_kms"][near], bins=(edges_of(grid.v_R_kms), edges_of(grid.v_phi_kms))
    )[0]
    found = read_columns(table)
    np.testing.assert_array_equal(found["n_stars"], expected.ravel())
    counts = read_provenance(table)["n_stars"]
    assert counts == {"read": 3000, "near": int(near.sum()), "in_bins": int(expected.sum())}
    with pytest.raises(DiscatlasError, match=r"none of 3,000 stars .* widen"):
        far = PLACE | {"phi_deg": 90.0}
        bin_velocity_plane.run(stars=tmp_path / "stars.parquet", table=table, **far, **BINS, threads=1)


def disc_counts(n=200_000, seed=4):
    """Counts of a disc: v_phi lags and is skewed, v_R spreads more."""
    rng = np.random.default_rng(seed)
    grid = VelocityGrid.from_config({"v_R_kms": [-195, 195, 10], "v_phi_kms": [5, 395, 10]})
    return grid, count_stars(grid, rng.normal(2, 38, n), 250 - rng.gamma(4, 7, n) + rng.normal(0, 12, n))


def clean(folder, array, **changes):
    np.save(folder / "counts.npy", array)
    settings = {"v_R_kms": [-200, 200, 10], "v_phi_kms": [0, 400, 10], "index": "phi_R", "citation": "made"}
    table = folder / "published_histogram.parquet"
    clean_published_histogram.run(values=folder / "counts.npy", table=table, **(settings | changes))
    return read_columns(table)


def test_a_published_array_is_brought_into_our_order(tmp_path):
    grid, counts = disc_counts()
    first, second = clean(tmp_path, counts.T), clean(tmp_path, counts.astype(float), index="R_phi")
    for found in (first, second):
        for name, column in histogram_columns(grid, counts).items():
            np.testing.assert_array_equal(found[name], column)


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (lambda n: n, "set index to"),
        (lambda n: n.T[::-1], "tail of v_phi"),
        (lambda n: n.T * 1.5, "expected numbers of stars"),
        (lambda n: -n.T, "expected numbers of stars"),
        (lambda n: n.T[:, 1:], "expected .* for 40 bins of v_R"),
    ],
    ids=["exchanged", "reversed", "no integers", "negative", "shape"],
)
def test_a_wrong_orientation_is_refused(tmp_path, turn, words):
    counts = disc_counts()[1]
    with pytest.raises(DiscatlasError, match=words):
        clean(tmp_path, turn(counts))
    with pytest.raises(DiscatlasError, match="v_phi is negative"):
        clean(tmp_path, counts.T, v_phi_kms=[-400, 0, 10])
    with pytest.raises(DiscatlasError, match="unknown index"):
        clean(tmp_path, counts.T, index="xy")


@pytest.mark.skipif(not HISTOGRAM.exists(), reason="the published histogram is not here")
def test_the_published_histogram(tmp_path):
    """2,072,964 stars; Sirius stands 18 % above v_R = 0 between bins (21 % from bin to bin), Hercules below its gap."""
    edges = {"v_R_kms": [-200, 200, 2], "v_phi_kms": [0, 400, 2], "index": "phi_R", "citation": "Khalil et al. 2025"}
    table = tmp_path / "published_histogram.parquet"
    clean_published_histogram.run(values=HISTOGRAM, table=table, **edges)
    found = read_columns(table)
    assert found["n_stars"].sum() == 2_072_964
    disc = read_provenance(table)["disc"]
    assert abs(disc["v_phi_mean_kms"] - 230.3) < 0.1
    grid = VelocityGrid.from_config({"v_R_kms": [-199, 199, 2], "v_phi_kms": [1, 399, 2]})
    counts = found["n_stars"].reshape(grid.shape)
    assert sirius_ratio(counts, grid) == pytest.approx(0.183, abs=0.001)
    assert sirius_error(counts, grid) < 0.02
    np.save(tmp_path / "exchanged.npy", counts)
    with pytest.raises(DiscatlasError, match="set index to"):
        clean_published_histogram.run(values=tmp_path / "exchanged.npy", table=table, **edges)


SETTINGS = {
    "R_kpc": R0,
    "phi_deg": 0.0,
    **BINS,
    "L_z_kpc_kms": [500, 3000, 50],
    "J_R_kpc_kms": [0, 400, 20],
    "accuracy": "fast",
    "resonances": [[0, 1], [1, 2]],
    "threads": 1,
}


def predict(folder, bar=BAR, counts=None, **changes):
    potential, _ = write_tables(folder)
    spec = {
        "bar": bar,
        "spirals": [spiral_config(2)],
        "distribution": DISTRIBUTION,
        "integration_kpc_kms": LIFE_KPC_KMS,
    }
    (folder / "model.json").write_text(json.dumps(spec))
    files = {name: folder / f"plane_{name}.parquet" for name in ("table", "lines", "actions")}
    summary = folder / "plane.json"
    settings = SETTINGS | changes
    predict_velocity_plane.run(
        model=folder / "model.json", potential=potential, counts=counts, summary=summary, **files, **settings
    )
    return *(read_columns(path) for path in files.values()), json.loads(summary.read_text())


def test_the_tables_of_a_model_with_data(tmp_path):
    write_stars(tmp_path / "stars.parquet")
    counts = tmp_path / "counts.parquet"
    bin_velocity_plane.run(stars=tmp_path / "stars.parquet", table=counts, **PLACE, **BINS, threads=1)
    plane, lines, actions, summary = predict(tmp_path, counts=counts)
    for density in ("density", "density_equilibrium"):
        assert plane[density].sum() * 36 == pytest.approx(1.0, abs=1e-12)
        outside = summary["share_outside_action_bins"][density]
        assert actions[density].sum() * 50 * 20 + outside == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_array_equal(plane["n_stars"], read_columns(counts)["n_stars"])
    assert actions["density_data"].sum() * 1000 == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(plane["L_z_kpc_kms"], R0 * plane["v_phi_kms"])
    exact = radial_action(R0, plane["v_R_kms"], plane["v_phi_kms"], PlaneProfile.from_columns(plane_columns()))
    np.testing.assert_allclose(plane["J_R_kpc_kms"], exact, rtol=1e-4, atol=1e-4)
    assert sorted(set(zip(lines["l"], lines["m"], strict=True))) == [(0, 1), (1, 2)]
    known = np.isfinite(lines["v_phi_exact_kms"])
    np.testing.assert_allclose(lines["L_z_exact_kpc_kms"][known], R0 * lines["v_phi_exact_kms"][known])
    assert summary["data"]["n_stars"] == plane["n_stars"].sum()
    assert set(summary["model"]["v_phi_kms"]) == {"hercules", "gap", "hat"}
    with pytest.raises(DiscatlasError, match="give the plane the bins of its data"):
        predict(tmp_path, counts=counts, v_R_kms=[-96, 96, 6])


def test_without_a_bar_there_are_no_lines_and_without_data_no_counts(tmp_path):
    plane, lines, actions, summary = predict(tmp_path, bar=None)
    assert lines["l"].size == 0
    assert "n_stars" not in plane
    assert "density_data" not in actions
    assert "data" not in summary


def test_bad_bins_and_speeds_are_named(tmp_path):
    with pytest.raises(DiscatlasError, match=r"l:m = 0:1.*5000"):
        predict(tmp_path, bar=BAR | {"Omega_kms_kpc": 5000.0})
    with pytest.raises(DiscatlasError, match=r"J_R_kpc_kms.*whole number of bins"):
        predict(tmp_path, J_R_kpc_kms=[0, 400, 30])
