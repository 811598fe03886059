"""The exported potential: the kernel's forces, its own gradient, and the libraries that read it, where they are installed."""

import importlib.util
import json

import numpy as np
import pytest
from khalil2025 import MODEL
from made_potential import grid_columns, plane_columns
from orbit_models import BAR, cartesian, published, spiral_config

import export_barred_potential
from discatlas.bar_spirals.barred_potential import TAPER_KPC, BarredPotential
from discatlas.bar_spirals.export import export_record, force_errors, random_places
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.galpy_engine import import_galpy
from discatlas.dynamics.orbit_limits import accelerations
from discatlas.dynamics.orbits import ForceTables, integrate
from discatlas.errors import DiscatlasError
from discatlas.tables import write_table

PLANE, GRID = PlaneProfile.from_columns(plane_columns(1000)), PotentialGrid.from_columns(grid_columns(240, 72))
SPEC = {"bar": BAR, "spirals": [spiral_config(2), spiral_config(3)], "integration_kpc_kms": 0.54342}
DRAW = {"bar": BAR, "spirals": [spiral_config(2, pitch_deg=9.0), spiral_config(3)]}
FORCES = ForceTables.build(PLANE, published(), GRID)
PLACES = random_places(np.random.default_rng(2), 200)


@pytest.fixture(scope="module")
def record():
    return json.loads(json.dumps(export_record(MODEL, GRID, SPEC, [DRAW]), default=float))


@pytest.fixture(scope="module")
def field(record):
    return BarredPotential(record, record["model"])


def cylindrical(places):
    return np.hypot(places[:, 0], places[:, 1]), np.arctan2(places[:, 1], -places[:, 0]), places[:, 2]


def relative(forces, t, where=slice(None)):
    """Size of the error of forces at PLACES relative to the kernel's."""
    kernel = accelerations(FORCES, PLACES[where], t)
    return np.linalg.norm(forces - kernel, axis=1) / np.linalg.norm(kernel, axis=1)


@pytest.mark.parametrize("t", [0.0, 0.1])
def test_forces_are_the_kernels(field, t):
    assert relative(-field.cartesian(PLACES, t)[1], t).max() < 2e-5


def test_a_wrong_sense_of_rotation_would_be_seen(field):
    """For the test above: the patterns' turn between the two times matters."""
    assert np.median(relative(-field.cartesian(PLACES, -0.1)[1], 0.1)) > 1e-3


def test_the_stated_accuracy_is_that_of_the_model(record):
    errors = force_errors(record, PLANE, GRID, np.random.default_rng(1))
    assert errors["median"] < errors["percentile_99"] < errors["largest"] < 2e-5
    other = record | {"model": record["draws"][0]}
    assert force_errors(other, PLANE, GRID, np.random.default_rng(1))["largest"] < 2e-5


def test_the_gradient_is_that_of_the_potential(field):
    """Away from the cut-offs, by differences."""
    R, phi, Z = cylindrical(PLACES)
    inside = (np.abs(R[:, None] - [6.6461, 7.9695, 19.653, 12.0]) > 0.01).all(axis=1)
    place, h = np.stack([R, phi, Z + 0.2])[:, inside], 1e-4
    gradient = field.gradient(*place, 0.05)
    for axis in range(3):
        step = h * np.eye(3)[axis][:, None]
        difference = (field.potential(*(place + step), 0.05) - field.potential(*(place - step), 0.05)) / (2 * h)
        np.testing.assert_allclose(gradient[axis], difference, rtol=1e-5, atol=0.02)


def test_spirals_end_at_their_cut_offs(record):
    spirals = BarredPotential(record, {"bar": None, "spirals": record["model"]["spirals"][:1]})
    force = [np.abs(spirals.gradient(R, 1.0, 0.0)[1]) for R in (6.6460, 6.6462, 26.403, 26.405)]
    assert force[0] == force[3] == 0
    assert min(force[1:3]) > 100


def test_draws_are_models_of_their_own(record, field):
    drawn = BarredPotential(record, record["draws"][0])
    assert np.abs(drawn.cartesian(PLACES)[0] / field.cartesian(PLACES)[0] - 1).max() > 1e-4


def test_beyond_the_table_there_is_nothing(field):
    with pytest.raises(ValueError, match="R to 40"):
        field.potential(41.0, 0.0, 0.0)


def test_galpy_integrates_the_kernels_orbit(field):
    import_galpy()
    from galpy.orbit import Orbit

    potential = field.galpy()
    R, phi, Z = cylindrical(PLACES)
    torque = np.array([potential.phitorque(*row, t=0.1) for row in zip(R[:20], Z[:20], phi[:20], strict=True)])
    np.testing.assert_allclose(torque, -field.gradient(R[:20], phi[:20], Z[:20], 0.1)[1], rtol=1e-10, atol=1e-8)
    orbit = Orbit([8.0, 30.0, 220.0, 0.1, 10.0, 0.2])
    orbit.integrate(np.array([0.0, 0.02]), potential, method="dop853", progressbar=False)
    x, v = cartesian(8.0, np.degrees(0.2), 30.0, 220.0, 0.1, 10.0)
    x, _ = integrate(FORCES, x, v, 0.0, 0.02, np.array([100]))
    place = [-orbit.R(0.02) * np.cos(orbit.phi(0.02)), orbit.R(0.02) * np.sin(orbit.phi(0.02)), orbit.z(0.02)]
    np.testing.assert_allclose(np.ravel(place), x[0], atol=1e-5)


def test_gala_has_the_kernels_forces(field):
    pytest.importorskip("gala", reason="gala is not installed; its forces are compared wherever it is")
    from astropy import units

    found = field.gala().acceleration(PLACES.T * units.kpc, t=0.1 * 977.7922216807891 * units.Myr)
    assert relative(found.to_value(units.km**2 / units.s**2 / units.kpc).T, 0.1).max() < 2e-5


def test_agama_has_the_kernels_forces(record, field, tmp_path):
    """The modes to 2e-4 of the whole force, but for the taper beyond the cut-offs; the components are AGAMA's own."""
    agama = pytest.importorskip("agama", reason="AGAMA is not installed; its forces are compared wherever it is")
    agama.setUnits(mass=1, length=1, velocity=1)
    path = tmp_path / "barred_potential.ini"
    field.write_agama(path)
    whole = agama.Potential(str(path))
    components = agama.Potential(*(agama.Potential(**entry) for entry in record["components"]))
    R, _, Z = cylindrical(PLACES)
    _, d_R, d_Z = field.axisymmetric(R, Z)
    background = -np.stack([d_R * PLACES[:, 0] / R, d_R * PLACES[:, 1] / R, d_Z], axis=1)
    edges = [limit for mode in SPEC["spirals"] for limit in mode["R_limits_kpc"]]
    away = (np.abs(R[:, None] - edges) > TAPER_KPC + 0.05).all(axis=1)
    for t in (0.0, 0.1):
        modes = whole.force(PLACES, t=t) - components.force(PLACES)
        assert relative(background + modes, t)[away].max() < 1e-3
        assert np.median(relative(background + modes, t)[away]) < 5e-5


def test_agamas_text_is_whole(field):
    """Where AGAMA is not installed: sections, sizes of the tables, and the sense of rotation."""
    text = field.agama_text()
    sections = text.split("[Potential ")[1:]
    assert [part.split("]")[0] for part in sections] == [
        *(f"component{k}" for k in (1, 2, 3, 4)),
        "bar",
        "spiral1",
        "spiral2",
    ]
    assert "cutoffStrength=0.499" in sections[3]
    assert "rotation=[[-1,37.0],[1,-37.0]]" in sections[4]
    for part, m_max in zip(sections[4:], (6, 2, 3), strict=True):
        keys = dict(line.split("=") for line in part.split("Coefficients")[0].splitlines()[1:] if "=" in line)
        assert int(keys["mmax"]) == m_max
        blocks = [block.splitlines() for block in part.split("#m\n")[1:]]
        rows = [line.split("\t") for line in blocks[0][1 : 1 + int(keys["gridSizeR"])]]
        assert {len(row) for row in rows} == {1 + int(keys["gridSizeZ"])}
        assert rows[0][0] == "0"
        assert np.all(np.diff([float(row[0]) for row in rows]) > 0)


@pytest.fixture
def run_script(tmp_path):
    about = {"model": MODEL.as_dict()}
    write_table(tmp_path / "plane.parquet", load_contract("potential_plane"), plane_columns(), about)
    write_table(tmp_path / "bare.parquet", load_contract("potential_plane"), plane_columns(), {})
    write_table(tmp_path / "grid.parquet", load_contract("potential_grid"), grid_columns(), about)
    (tmp_path / "model.json").write_text(json.dumps(SPEC, default=float), encoding="utf-8")

    def run(plane="plane", posterior=None):
        names = {"record": "barred_potential.json", "loader": "barred_potential.py", "agama": "barred_potential.ini"}
        files = {key: tmp_path / name for key, name in names.items()}
        export_barred_potential.run(
            model=tmp_path / "model.json", plane=tmp_path / f"{plane}.parquet", grid=tmp_path / "grid.parquet",
            posterior=posterior, **files, cut_offs="literal", n_draws=2, seed=1, threads=1,
        )  # fmt: skip
        return files

    return run


def test_the_exported_files_stand_alone(run_script, monkeypatch, tmp_path):
    monkeypatch.setattr(export_barred_potential, "posterior_specs", lambda *_: [DRAW, DRAW])
    files = run_script(posterior=tmp_path / "plane.parquet")  # any table: its draws are the two above
    source = files["loader"].read_text(encoding="utf-8")
    assert "discatlas" not in source
    spec = importlib.util.spec_from_file_location("exported", files["loader"])
    exported = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(exported)
    loaded = exported.load(files["record"])
    assert relative(-loaded.cartesian(PLACES, 0.1)[1], 0.1).max() < 1e-3  # a coarser table than FORCES has
    assert len(loaded.record["draws"]) == 2
    assert loaded.record["accuracy"]["largest"] < 1e-3
    assert exported.load(files["record"], draw=1).spirals[0]["pitch_deg"] == 9.0
    assert files["agama"].read_text(encoding="utf-8") == loaded.agama_text()


def test_a_table_without_its_components_is_told(run_script):
    with pytest.raises(DiscatlasError, match="provenance lacks the components"):
        run_script(plane="bare")
