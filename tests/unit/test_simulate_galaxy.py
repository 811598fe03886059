"""The simulated galaxy: its table, its random numbers, its switches, and what it says of itself."""

import made_potential
import numpy as np
import pytest
from made_potential import entries

import simulate_galaxy
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.runtime import use_threads
from discatlas.simulation.galaxy import CHUNK_PARTICLES, chemistry_of
from discatlas.simulation.mean_field import MeanFieldModel
from discatlas.tables import column_names, read_columns, read_provenance
from places import ROOT

N = 20_000
CORRECTIONS = ROOT / "resources/mist_bolometric_corrections.csv"


@pytest.fixture(scope="session")
def tables(tmp_path_factory):
    return made_potential.write_tables(tmp_path_factory.mktemp("made_potential"))


def simulate(path, tables, parts, seed=5, name="milky_way"):
    """Run the script in the folder or file `path`; return the path of the table."""
    plane, grid = tables or (None, None)
    simulate_galaxy.run(
        plane=plane, grid=grid, bolometric_corrections=CORRECTIONS, galaxy=path, seed=seed, name=name, **parts
    )
    return path


@pytest.fixture(scope="session")
def galaxy_file(tables, _default_config, tmp_path_factory):
    """The default galaxy with fewer particles, in the analytic potential."""
    parts = entries(_default_config, n_particles=N)
    return simulate(tmp_path_factory.mktemp("galaxy") / "galaxy.parquet", tables, parts)


@pytest.fixture(scope="session")
def galaxy(galaxy_file):
    return read_columns(galaxy_file)


def test_the_table_keeps_its_contract(galaxy_file, galaxy, config):
    assert column_names(galaxy_file) == load_contract("galaxy").names
    np.testing.assert_array_equal(galaxy["particle"], np.arange(N))
    X, Y, phi = galaxy["X_kpc"], galaxy["Y_kpc"], np.radians(galaxy["phi_deg"])
    np.testing.assert_allclose(galaxy["R_kpc"], np.hypot(X, Y), rtol=1e-14)
    np.testing.assert_allclose(phi, np.arctan2(Y, -X), atol=1e-14)
    outward, along = np.stack([-np.cos(phi), np.sin(phi)]), np.stack([np.sin(phi), np.cos(phi)])
    velocity = np.stack([galaxy["v_X_kms"], galaxy["v_Y_kms"]])
    np.testing.assert_allclose(galaxy["v_R_kms"], np.sum(outward * velocity, axis=0), atol=1e-9)
    np.testing.assert_allclose(galaxy["v_phi_kms"], np.sum(along * velocity, axis=0), atol=1e-9)
    said = read_provenance(galaxy_file)
    parts = entries(config, n_particles=N)
    assert (said["table"], said["seed"]) == ("galaxy", 5)
    assert (said["model"], said["bar"], said["spirals"]) == (parts["model"], parts["bar"], parts["spirals"])
    assert "Choi" in said["citation"]
    assert set(said["counts"]) == {"age_beyond_isochrones", "feh_beyond_isochrones", "beyond_bolometric_corrections"}


def test_bytes_are_the_same_for_any_number_of_threads(galaxy_file, tables, config, tmp_path):
    for threads in (1, 2):
        use_threads(threads)
        again = simulate(tmp_path / f"{threads}.parquet", tables, entries(config, n_particles=N))
        assert again.read_bytes() == galaxy_file.read_bytes()


@pytest.mark.parametrize("changes", [{"seed": 6}, {"name": "other"}])
def test_seeds_and_names_have_streams_of_their_own(galaxy, tables, config, tmp_path, changes):
    other = read_columns(simulate(tmp_path / "x.parquet", tables, entries(config, n_particles=500), **changes))
    for column in ("X_kpc", "age_Gyr", "feh_dex", "initial_mass_msun"):
        assert not np.isin(other[column], galaxy[column][:500]).any()


def test_chunks_do_not_depend_on_the_number_of_particles(tables, config, tmp_path, monkeypatch):
    monkeypatch.setattr("discatlas.simulation.galaxy.CHUNK_PARTICLES", 1000)
    short, long = (
        read_columns(simulate(tmp_path / f"{n}.parquet", tables, entries(config, n_particles=n))) for n in (1000, 2500)
    )
    for name, values in short.items():
        np.testing.assert_array_equal(values, long[name][:1000])
    assert long["particle"][-1] == 2499
    assert np.unique(long["X_kpc"]).size == 2500


def test_250_000_particles_begin_as_100_000_do(config, tmp_path):
    short, long = (
        read_columns(simulate(tmp_path / f"{n}.parquet", None, entries(config, "analytic", n_particles=n)))
        for n in (CHUNK_PARTICLES, CHUNK_PARTICLES * 5 // 2)
    )
    for name, values in short.items():
        np.testing.assert_array_equal(values, long[name][:CHUNK_PARTICLES])
    np.testing.assert_array_equal(long["particle"], np.arange(250_000))


def test_young_stars_are_young_and_near_the_wedge_where_they_are_seen(galaxy, config):
    spec = config["galaxies"]["milky_way"]["populations"]["young"]
    young = galaxy["population"] == "young"
    assert galaxy["age_Gyr"][young].max() <= spec["age_limits_Gyr"][1]
    phi = np.abs(galaxy["phi_deg"][young])
    half = spec["azimuth_half_range_deg"]
    assert np.mean(phi < half + 5) > 0.95
    assert np.mean(phi < 2 * half) > 0.99  # the bar drove some away
    assert np.mean(phi < half / 2) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(young.sum()))
    assert np.mean(np.abs(galaxy["phi_deg"][~young]) < half) == pytest.approx(half / 180, abs=0.03)
    assert galaxy["v_R_kms"][young].std() < 25
    assert galaxy["v_R_kms"][~young].std() > 40


def test_birth_radii_of_old_stars_are_their_guiding_radii(galaxy):
    old = galaxy["age_Gyr"] > 0.54
    np.testing.assert_array_equal(galaxy["R_birth_kpc"][old], galaxy["R_guide_kpc"][old])
    assert np.any(galaxy["R_birth_kpc"][~old] != galaxy["R_guide_kpc"][~old])


def test_gradients_and_the_azimuthal_pattern_of_the_chemistry_come_back(galaxy, config):
    spec = config["galaxies"]["milky_way"]["chemistry"]
    m, phi = spec["azimuthal_number"], np.radians(galaxy["phi_deg"])
    design = np.stack(
        [np.ones(N), galaxy["R_kpc"] - 8.275, np.abs(galaxy["Z_kpc"]), np.cos(m * phi), np.sin(m * phi)], axis=1
    )
    fitted, _, _, _ = np.linalg.lstsq(design, galaxy["feh_dex"])
    residual = galaxy["feh_dex"] - design @ fitted
    scatter = residual.std()
    errors = scatter * np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    amplitude, phase = spec["azimuthal_amplitude_dex"], np.radians(m * spec["azimuthal_phase_deg"])
    expected = [spec["feh_dex"], spec["gradient_R_dex_per_kpc"], spec["gradient_Z_dex_per_kpc"]]
    expected += [amplitude * np.cos(phase), amplitude * np.sin(phase)]
    assert np.all(np.abs(fitted - expected) < 4 * errors)
    assert abs(np.hypot(*fitted[3:]) - amplitude) < 4 * errors[3:].max()
    found = np.degrees(np.arctan2(fitted[4], fitted[3])) / m
    assert abs(found - spec["azimuthal_phase_deg"]) < 4 * np.degrees(errors[3:].max() / amplitude) / m
    assert errors[3:].max() < 0.1 * amplitude
    assert abs(scatter / spec["scatter_dex"] - 1) < 4 / np.sqrt(2 * N)


def test_the_truth_of_the_chemistry_is_its_own_mean(galaxy, config):
    chemistry = chemistry_of(config["galaxies"]["milky_way"])
    mean = chemistry.mean_feh(galaxy["R_kpc"], galaxy["phi_deg"], galaxy["Z_kpc"], 8.275)
    pull = (galaxy["feh_dex"] - mean) / chemistry.scatter_dex
    assert abs(pull.mean()) < 4 / np.sqrt(N)
    assert abs(pull.std() - 1) < 4 / np.sqrt(2 * N)


def test_there_are_ob_stars_enough_and_they_weigh_little(galaxy):
    """At least 20,000 in the default of 400,000 particles, with a margin for what a survey does not see."""
    hot = galaxy["teff_K"] > 10_000
    assert hot.sum() * 400_000 / N > 40_000
    assert np.all(galaxy["age_Gyr"][hot] < 1.5)
    assert galaxy["weight"][hot].sum() < 0.01 * galaxy["weight"].sum()
    assert np.all(galaxy["weight"] > 0)


def test_stars_are_what_their_mass_and_age_make_them(galaxy):
    """No star outlives its main sequence by much, none is heavier than it was born; giants and dwarfs are both there."""
    assert np.all(galaxy["mass_msun"] <= galaxy["initial_mass_msun"] * (1 + 1e-6))
    assert np.all(galaxy["initial_mass_msun"][galaxy["age_Gyr"] > 5] < 1.8)
    assert np.all(galaxy["initial_mass_msun"][galaxy["population"] == "young"] >= 3.0)
    giant = galaxy["logg_dex"] < 3.5
    assert 0.2 < giant[galaxy["population"] != "young"].mean() < 0.9
    luminosity = galaxy["mass_msun"] * (galaxy["teff_K"] / 5772) ** 4 * 10 ** (4.438 - galaxy["logg_dex"])
    difference = np.abs(np.log10(luminosity) - galaxy["log_luminosity_dex"])
    assert difference[galaxy["log_luminosity_dex"] < 5].max() < 0.05


def test_an_analytic_galaxy_needs_no_potential(config, tmp_path):
    parts = entries(config, "analytic", n_particles=N)
    path = simulate(tmp_path / "x.parquet", None, parts, name="analytic")
    columns = read_columns(path)
    assert column_names(path) == load_contract("galaxy").names
    model = MeanFieldModel.from_config(parts["model"])
    place = columns["R_kpc"], columns["phi_deg"], columns["Z_kpc"]
    for component, mean, sigma in zip(
        ("v_R_kms", "v_phi_kms", "v_Z_kms"),
        model.mean_velocity_cylindrical(*place),
        model.dispersion(place[0]),
        strict=True,
    ):
        pull = (columns[component] - mean) / sigma
        assert abs(pull.mean()) < 4 / np.sqrt(N)
        assert abs(pull.std() - 1) < 4 / np.sqrt(2 * N)
    assert np.hypot(columns["X_kpc"] + 8.275, columns["Y_kpc"]).max() <= 5.0
    assert set(columns["population"]) == {"thin"}


def test_too_little_memory_or_disk_is_said_before_anything_is_made(tables, config, tmp_path, monkeypatch):
    parts, path = entries(config), tmp_path / "x" / "galaxy.parquet"
    monkeypatch.setattr("discatlas.runtime.available_memory", lambda: 1e8)
    with pytest.raises(
        DiscatlasError,
        match=r"galaxies\.milky_way: needs about 0\.4 GB of memory, this machine has 0\.1 GB free; use fewer particles",
    ):
        simulate(path, tables, parts)
    monkeypatch.undo()
    parts = entries(config, n_particles=10**9)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1e9}))
    with pytest.raises(
        DiscatlasError, match=r"galaxies\.milky_way: .*galaxy\.parquet needs about 260\.0 GB of disk, 1\.0 GB are free"
    ):
        simulate(path, tables, parts)
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_particles(tables, config, tmp_path, monkeypatch):
    """What is asked for is that of one chunk."""
    asked = []
    monkeypatch.setattr(simulate_galaxy, "require_space", lambda *_, **needs: asked.append(needs) or 1 / 0)
    for n in (1000, CHUNK_PARTICLES, 20_000_000):
        with pytest.raises(ZeroDivisionError):
            simulate(tmp_path / "x.parquet", tables, entries(config, n_particles=n))
    assert asked[0]["memory_bytes"] < asked[1]["memory_bytes"] == asked[2]["memory_bytes"]
    assert asked[2]["disk_bytes"] == 200 * asked[1]["disk_bytes"]


IMPOSSIBLE = [
    ({"integration_kpc_kms": 0.3}, {}, "integration_kpc_kms: got 0.3, shorter than the life 0.54"),
    ({"populations": {}}, {}, "populations: none declared; expected some of thin, thick, young"),
    ({}, {"sigma_R_kms": -1.0}, r"populations\.thin\.sigma_R_kms: got -1\.0; a dispersion cannot be negative"),
    ({}, {"R_limits_kpc": [9.0, 2.0]}, r"populations\.thin\.R_limits_kpc: got \[9\.0, 2\.0\]"),
    ({}, {"particle_fraction": 0.0}, r"populations\.thin: particle_fraction and scale_length_kpc must be positive"),
]


@pytest.mark.parametrize(("changes", "of_thin", "what"), IMPOSSIBLE, ids=[what[:40] for _, _, what in IMPOSSIBLE])
def test_impossible_galaxies_leave_no_table(tables, config, tmp_path, changes, of_thin, what):
    parts = entries(config, n_particles=100, **changes)
    if of_thin:
        parts["model"]["populations"]["thin"] |= of_thin
    with pytest.raises(DiscatlasError, match=what):
        simulate(tmp_path / "x.parquet", tables, parts)
    assert list(tmp_path.iterdir()) == []
