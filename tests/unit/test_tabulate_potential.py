"""Script tabulate_potential: nodes, columns and provenance of the two tables, and early refusals."""

import numpy as np
import pytest
from khalil2025 import CONFIG, MODEL

import tabulate_potential
from discatlas.contracts import load_contract
from discatlas.dynamics.engine import open_engine
from discatlas.dynamics.potential_nodes import radial_nodes, vertical_nodes
from discatlas.errors import DiscatlasError
from discatlas.tables import column_names, read_columns, read_provenance

SETTINGS = {"engine": "galpy", "model": CONFIG, "R_max_kpc": 40.0, "n_R": 12, "n_Z": 6, "Z_max_kpc": 20.0, "threads": 1}


def tabulate(folder, **changes):
    tabulate_potential.run(plane=folder / "plane.parquet", grid=folder / "grid.parquet", **(SETTINGS | changes))
    return folder / "plane.parquet", folder / "grid.parquet"


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return tabulate(tmp_path_factory.mktemp("potential"))


@pytest.fixture(scope="module")
def engine():
    return open_engine("galpy", MODEL)


def test_nodes_are_even_in_the_rational_variable():
    R, Z = radial_nodes(240, 0.01, 40.0), vertical_nodes(72, 20.0)
    assert (R[0], R[-1], Z[0], Z[-1]) == (0.01, 40.0, 0.0, 20.0)
    np.testing.assert_allclose(np.diff(R / (R + 4)), (40 / 44 - 0.01 / 4.01) / 239, rtol=1e-9)
    np.testing.assert_allclose(np.diff(Z / (Z + 1)), 20 / 21 / 71, rtol=1e-9)
    assert np.all(np.diff(R, 2) > 0)


@pytest.mark.parametrize(
    ("nodes", "what"),
    [
        (lambda: radial_nodes(3, 0.01, 40), "got 3 nodes in R; expected at least 4"),
        (lambda: radial_nodes(10, 5, 5), "got R from 5 to 5 kpc"),
        (lambda: vertical_nodes(10, -1), "got Z from 0 to -1 kpc"),
        (lambda: radial_nodes(10, 0, 40, c_kpc=0), "with scale 0 kpc"),
    ],
)
def test_limits_that_are_no_grid(nodes, what):
    with pytest.raises(DiscatlasError, match=what):
        nodes()


def test_the_plane_holds_the_frequencies(tables, engine):
    assert column_names(tables[0]) == load_contract("potential_plane").names
    table = read_columns(tables[0])
    np.testing.assert_array_equal(table["R_kpc"], radial_nodes(1000, 0.01, 40.0))
    np.testing.assert_allclose(table["v_c_kms"], table["R_kpc"] * table["Omega_kms_kpc"], rtol=1e-14)
    np.testing.assert_allclose(table["v_c_kms"] ** 2, table["R_kpc"] * table["dPhi_dR_km2_s2_kpc"], rtol=1e-13)
    plane = engine.plane(table["R_kpc"][::100])
    np.testing.assert_array_equal(table["Phi_km2_s2"][::100], plane.Phi)
    np.testing.assert_array_equal(table["kappa_kms_kpc"][::100], plane.kappa)
    np.testing.assert_array_equal(table["nu_kms_kpc"][::100], plane.nu)
    assert np.all(
        (table["kappa_kms_kpc"] >= table["Omega_kms_kpc"]) & (table["kappa_kms_kpc"] <= 2 * table["Omega_kms_kpc"])
    )


def test_the_grid_goes_through_Z_first_and_holds_the_derivatives(tables, engine):
    assert column_names(tables[1]) == load_contract("potential_grid").names
    table = {name: values.reshape(12, 6) for name, values in read_columns(tables[1]).items()}
    R, Z = radial_nodes(12, 0.01, 40.0), vertical_nodes(6, 20.0)
    np.testing.assert_array_equal(table["R_kpc"][:, 0], R)
    np.testing.assert_array_equal(table["Z_kpc"][0], Z)
    np.testing.assert_array_equal(table["Phi_km2_s2"], engine.potential(R[:, None], Z))
    np.testing.assert_array_equal(table["dPhi_dR_km2_s2_kpc"], engine.gradient(R[:, None], Z)[0])
    np.testing.assert_array_equal(table["dPhi_dZ_km2_s2_kpc"], engine.gradient(R[:, None], Z)[1])
    np.testing.assert_array_equal(table["d2Phi_dRdZ_km2_s2_kpc2"], engine.mixed_derivative(R[:, None], Z))
    assert np.all(table["dPhi_dZ_km2_s2_kpc"][:, 0] == 0)
    assert np.all(table["d2Phi_dRdZ_km2_s2_kpc2"][:, 0] == 0)


def test_resonances_from_the_table(tables):
    """Corotation and outer Lindblad resonance of a bar of 37 km/s/kpc (SCIENCE: 6.4898 and 10.8072 kpc by AGAMA)."""
    table = read_columns(tables[0])
    Omega, kappa = table["Omega_kms_kpc"], table["kappa_kms_kpc"]
    for frequency, radius in ((Omega, 6.4898), (Omega + kappa / 2, 10.8072)):
        assert abs(np.interp(-37.0, -frequency, table["R_kpc"]) - radius) < 2e-3


def test_provenance_and_the_same_bytes_again(tables, tmp_path, engine):
    for path in tables:
        said = read_provenance(path)
        assert (said["engine"], said["engine_version"]) == ("galpy", engine.version)
        assert (said["model"], said["source"]) == (MODEL.as_dict(), "Khalil et al. 2025")
        assert said["nodes"] == {"R_min_kpc": 0.01, "R_scale_kpc": 4.0, "Z_scale_kpc": 1.0}
    for path, again in zip(tables, tabulate(tmp_path, threads=2), strict=True):
        assert path.read_bytes() == again.read_bytes()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"engine": "gala"}, "got 'gala'.*expected one of agama, galpy"),
        ({"model": CONFIG | {"discs": [CONFIG["discs"][0] | {"h_Z_kpc": -0.3}]}}, r"discs\[0\]: h_Z_kpc is -0.3"),
        ({"R_max_kpc": 0.005}, "got R from 0.01 to 0.005 kpc"),
        ({"n_Z": 1}, "got 1 nodes in Z"),
    ],
)
def test_refusals_leave_no_table(tmp_path, changes, what):
    with pytest.raises(DiscatlasError, match=what):
        tabulate(tmp_path, **changes)
    assert list(tmp_path.iterdir()) == []
