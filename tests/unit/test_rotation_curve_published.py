"""The published tables: every number once more against its source's properties, and those that are quoted elsewhere."""

from pathlib import Path

import numpy as np
import pytest

from discatlas.errors import DiscatlasError
from discatlas.velocity_field import published

RESOURCES = Path(__file__).parents[2] / "resources"
FIELD = published.read_values(RESOURCES / "akhmetov2024_oort.csv")
CURVES = published.read_rotation_curves(RESOURCES / "akhmetov2024_rotation_curves.csv")
R0 = 8.249


def test_oort_constants_are_the_quoted_ones():
    for name, value in (("A", 14.79), ("B", -13.73), ("C", -2.25), ("K", -2.74)):
        assert FIELD[f"{name}_kms_kpc"] == (value, 0.11, "km / (s kpc)", "2")
    bovy = published.read_values(RESOURCES / "bovy2017_oort.csv")
    assert [bovy[f"{name}_kms_kpc"].value for name in ("A", "B", "C", "K")] == [15.3, -11.9, -3.2, -3.3]
    assert [bovy[f"{name}_kms_kpc"].error for name in ("A", "B", "C", "K")] == [0.4, 0.4, 0.4, 0.6]


def test_signs_of_the_coefficients_give_the_oort_constants():
    def value(name):
        return FIELD[name].value

    v_phi, v_R = value("v_phi_0_kms") / R0, value("v_R_0_kms") / R0
    v_phi_R, v_phi_phi = value("v_phi_R_kms_kpc"), value("v_phi_phi_kms_kpc")
    v_R_R, v_R_phi = value("v_R_R_kms_kpc"), value("v_R_phi_kms_kpc")
    constants = {
        "A": v_phi - v_phi_R - v_R_phi,
        "B": -v_phi - v_phi_R + v_R_phi,
        "C": -v_R + v_R_R - v_phi_phi,
        "K": v_R + v_R_R + v_phi_phi,
    }
    for name, twice in constants.items():
        assert twice / 2 == pytest.approx(FIELD[f"{name}_kms_kpc"].value, abs=0.11)
    assert value("v_phi_ZZ_kms_kpc2") == -53.87  # rotation falls with height on both sides
    assert len(FIELD) == 34
    assert sum(entry.table == "1" for entry in FIELD.values()) == 30


def test_errors_are_those_of_their_terms():
    for component in ("v_R", "v_phi", "v_Z"):
        squares = [FIELD[f"{component}_{term}_kms_kpc2"].error for term in ("RR", "phiphi", "ZZ")]
        mixed = [FIELD[f"{component}_{term}_kms_kpc2"].error for term in ("Rphi", "RZ", "phiZ")]
        # cells spread evenly in a sphere give sqrt(3)
        assert np.mean(squares) / np.mean(mixed) == pytest.approx(3**0.5, rel=0.05)


def test_rotation_curves_are_whole_and_smooth():
    assert CURVES["R_kpc"].size == 120
    assert CURVES["R_kpc"][[0, -1]].tolist() == [4.07, 15.65]
    np.testing.assert_allclose(np.diff(CURVES["R_kpc"]), 0.1, atol=0.025)
    for curve, step in zip(published.CURVES, (2.0, 3.0, 3.1, 5.0), strict=True):
        values, errors = CURVES[f"v_{curve}_kms"], CURVES[f"v_{curve}_error_kms"]
        assert np.abs(np.diff(values)).max() < max(step, 3 * errors.max())
        assert np.abs(np.diff(np.log(errors))).max() < 0.15
    first = [CURVES[f"v_{curve}_kms"][0] for curve in published.CURVES]
    assert first == [187.33, 171.03, 190.84, 193.40]
    at_sun = np.argmin(np.abs(CURVES["R_kpc"] - R0))
    assert [CURVES[f"v_{curve}_kms"][at_sun] for curve in published.CURVES] == [225.52, 229.37, 227.76, 230.70]


def test_sources_are_named():
    assert published.read_source(RESOURCES / "akhmetov2024_oort.csv").startswith(
        "Akhmetov et al. 2024, arXiv:2307.08527"
    )
    assert published.read_source(RESOURCES / "bovy2017_oort.csv").startswith("Bovy 2017, MNRAS 468, L63")


def test_bad_tables_are_refused(tmp_path):
    path = tmp_path / "values.csv"
    with pytest.raises(DiscatlasError, match="no such file"):
        published.read_values(path)
    head = "# source\nquantity,value,error,unit,table\n"
    for text, message in (
        ("quantity,value\n", "first line"),
        ("# source\nquantity,value,error,unit\n", "no column 'table'"),
        (head + "A,1,2,km / s,1\nA,1,2,km / s,1\n", "'A' stands there twice"),
        (head + "A,1,2,km / s,1\nB,one,2,km / s,1\n", "row 2, column 'value': got 'one'"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DiscatlasError, match=message):
            published.read_values(path)
    rows = (RESOURCES / "akhmetov2024_rotation_curves.csv").read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*rows[:3], rows[4], rows[3]]), encoding="utf-8")
    with pytest.raises(DiscatlasError, match="does not grow"):
        published.read_rotation_curves(path)


def test_the_circular_velocity_of_eilers_has_its_quoted_value_and_slope_at_the_sun():
    """229.0 +- 0.2 km/s at R0 = 8.122 kpc, falling by 1.7 +- 0.1 km/s/kpc (their Eq. 7)."""
    table = published.read_circular_velocity(RESOURCES / "eilers2019_rotation_curve.csv")
    assert table["R_kpc"].size == 38
    error = 0.5 * (table["v_c_error_lo_kms"] + table["v_c_error_hi_kms"])
    slope, value = np.polyfit(table["R_kpc"] - 8.122, table["v_c_kms"], 1, w=1 / error)
    assert value == pytest.approx(229.0, abs=0.6)
    assert slope == pytest.approx(-1.7, abs=0.15)
    assert (error > 0).all()
