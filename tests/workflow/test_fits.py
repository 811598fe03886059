"""The fits on a small analytic disc: tables whole, and Oort's constants those of the simulation."""

from harness import read_json

from discatlas.tables import read_columns


def test_velocity_field_and_oort_constants(baseline):
    fits = next((baseline[0] / "atlas/results/fits").glob("*/velocity_field_taylor.parquet")).parent
    field = read_columns(fits / "velocity_field_taylor.parquet")
    good = field["quality"] == "good"
    assert good.sum() > 20
    # 15 km/s for the spiral and the falling drift of an analytic disc, beyond what the errors say
    deviation = abs(field["v_phi_0_kms"][good] - 224)
    assert all(deviation < 4 * field["v_phi_0_error_kms"][good] + 15)
    assert read_columns(fits / "rotation_curve_taylor.parquet")["v_mean_kms"].size >= 4
    routes = {route["route"]: route for route in read_json(fits / "rotation_curve_taylor.json")["routes"]}
    # a nearly flat curve: A and B are close to v/2R = 13.8 and its opposite
    for route in routes.values():
        assert abs(route["A_kms_kpc"] - 13.8) < 4 * route["A_error_kms_kpc"] + 1.0
        assert abs(route["B_kms_kpc"] + 13.8) < 4 * route["B_error_kms_kpc"] + 1.0
