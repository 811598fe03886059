"""Distance estimators and the parallax zero point."""

import numpy as np
import pytest

from discatlas.astrometry import zero_point_mas
from discatlas.distances import estimate_distance, required_columns
from discatlas.errors import DiscatlasError


def test_inverse_parallax():
    columns = {
        "parallax": np.array([2.0, 0.1, -0.3, 0.0, np.nan]),
        "parallax_error": np.array([0.1, 0.2, 0.1, 0.1, 0.1]),
    }
    made = estimate_distance(columns, "inverse_parallax")
    assert made["distance_kpc"][:2] == pytest.approx([0.5, 10.0])
    assert made["distance_error_kpc"][:2] == pytest.approx([0.025, 20.0])  # error / parallax^2
    assert made["distance_lo_kpc"][:2] == pytest.approx([1 / 2.1, 1 / 0.3])
    assert made["distance_hi_kpc"][0] == pytest.approx(1 / 1.9)
    assert np.isnan(made["distance_hi_kpc"][1])  # parallax within its error of zero
    assert all(np.isnan(values[2:]).all() for values in made.values())


@pytest.mark.parametrize(("estimator", "kind"), [("geometric", "geo"), ("photogeometric", "photogeo")])
def test_bailer_jones_is_in_parsec(estimator, kind):
    columns = {
        f"r_med_{kind}": np.array([1500.0]),
        f"r_lo_{kind}": np.array([1400.0]),
        f"r_hi_{kind}": np.array([1700.0]),
    }
    made = estimate_distance(columns, estimator)
    assert [float(values[0]) for values in made.values()] == pytest.approx([1.5, 0.15, 1.4, 1.7])


def test_catalogue_prefers_its_percentiles():
    columns = {"catalogue_distance_kpc": np.array([3.0]), "catalogue_distance_error_kpc": np.array([0.5])}
    made = estimate_distance(columns, "catalogue")
    assert [float(values[0]) for values in made.values()] == [3.0, 0.5, 2.5, 3.5]
    columns |= {"catalogue_distance_lo_kpc": np.array([2.8]), "catalogue_distance_hi_kpc": np.array([3.4])}
    made = estimate_distance(columns, "catalogue")
    assert [float(values[0]) for values in made.values()] == pytest.approx([3.0, 0.3, 2.8, 3.4])
    alone = estimate_distance({"catalogue_distance_kpc": np.array([3.0])}, "catalogue")
    assert alone["distance_kpc"] == 3.0 and np.isnan(alone["distance_error_kpc"][0])


def test_required_columns_and_errors():
    assert required_columns("inverse_parallax", ["parallax", "parallax_error", "ra"]) == ["parallax", "parallax_error"]
    assert required_columns("catalogue", ["catalogue_distance_kpc", "catalogue_distance_lo_kpc"]) == [
        "catalogue_distance_kpc"
    ]
    with pytest.raises(DiscatlasError, match=r"'geometrical' is unknown.*nearest: 'geometric'"):
        estimate_distance({}, "geometrical")
    with pytest.raises(DiscatlasError, match=r"needs column 'r_med_geo'.*nearest: 'r_med_photogeo'"):
        required_columns("geometric", ["r_med_photogeo"])


def test_zero_point_of_the_published_table():
    """A five-parameter star on a node of Lindegren's table, and what lies outside its range."""
    star = {
        "phot_g_mean_mag": 17.5,
        "nu_eff_used_in_astrometry": 1.48,
        "pseudocolour": np.nan,
        "ecl_lat": 0.0,
        "astrometric_params_solved": 31,
    }
    n = 7
    columns = {name: np.full(n, float(value)) for name, value in star.items()}
    columns["astrometric_params_solved"][1] = 3
    columns["phot_g_mean_mag"][2:4] = 5.0, 21.5
    columns["nu_eff_used_in_astrometry"][4:6] = 2.0, np.nan
    columns["astrometric_params_solved"][6], columns["pseudocolour"][6] = 95, 1.5
    zero_point = zero_point_mas(columns)
    assert np.isnan(zero_point).tolist() == [False, True, True, True, True, True, False]
    # q00 - q02/3 of the row G = 17.5 of Lindegren's Z5 table: -29.18 - 2.41/3 microarcsec
    assert zero_point[0] == pytest.approx(-0.029983, abs=1e-6)
    assert -0.08 < zero_point[6] < 0.0
