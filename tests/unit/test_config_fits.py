"""Config of the fits: each mistake across keys is named in one line, with its place and what to do."""

import pytest
import yaml
from config_edits import put

from discatlas.config import ConfigError, complete_config
from places import ROOT

PUBLISHED = {
    "path": "v.npy",
    "x_kpc": {"start": 4.0, "stop": 12.0, "n": 65},
    "y_kpc": "y.npy",
    "frame": "khalil2025",
    "sun": "khalil2025",
    "index": "xy",
    "quantity": "v_R_kms",
    "citation": "nobody",
}
WRONG = [
    ("memberships/disc/set", "bensby", ["memberships.disc.set", "nearest: 'bensby200"]),
    ("memberships/disc/samples", ["giants"], ["memberships.disc.samples", "nearest: 'gaia_giants'"]),
    (
        "memberships/more",
        {"samples": ["lamost_hot"], "set": "robin2003"},
        ["memberships.more", "'lamost_hot' has the membership 'disc' already"],
    ),
    ("membership_sets/bensby2003/thin/fraction", 0, ["membership_sets.bensby2003.thin.fraction", "got 0"]),
    ("metallicity_gradients/radial/bin_by", "R_kpc", ["metallicity_gradients.radial.bin_by", "which is x too"]),
    ("metallicity_gradients/radial/edges_kpc", [0.2, 0.0], ["metallicity_gradients.radial.edges_kpc", "growing"]),
    ("metallicity_gradients/radial/samples", ["gaia_rvs"], ["'feh_dex' is not in the phase space of gaia_rvs"]),
    ("metallicity_gradients/radial/samples", ["analytic_giants"], ["halo_cut", "'analytic_giants' has no membership"]),
    ("metallicity_gradients/radial/models", ["broken"], ["metallicity_gradients.radial.models", "linear"]),
    ("metallicity_gradients/radial/selection", "Zkpc < 1", ["metallicity_gradients.radial.selection", "'Zkpc'"]),
    ("metallicity_gradients/radial/likelihood", "hogg", ["likelihood", "nearest: 'hogg2010'"]),
    ("metallicity_residuals/face_on/gradient", "plain", ["metallicity_residuals.face_on.gradient", "nearest: 'plane'"]),
    ("metallicity_residuals/face_on/gradient", "vertical", ["'vertical' is a vertical gradient", "radial"]),
    ("metallicity_residuals/face_on/map", "rotation", ["metallicity_residuals.face_on.map", "two axes", "feh_dex"]),
    ("metallicity_residuals/face_on/overdensity/name", None, ["overdensity.name", "'None'", "ob_stars"]),
    ("metallicity_residuals/face_on/overdensity/source", "gaia_rvs", ["'ob_stars' is not made for sample 'gaia_rvs'"]),
    ("overdensities/ob_stars/local_kpc", 3.0, ["overdensities.ob_stars.local_kpc", "less than mean_kpc (2)"]),
    ("overdensity_comparisons/feh/residual", "meridional", ["has axes ['R_kpc', 'Z_kpc']"]),
    ("azimuthal_variations/feh/annuli_kpc", [[9.0, 7.0]], ["azimuthal_variations.feh.annuli_kpc.0", "growing"]),
    ("smoothed_maps/response/window_kpc", 0.1, ["smoothed_maps.response.window_kpc", "at least spacing_kpc"]),
    ("smoothed_maps/response/quantities", ["v_r_kms"], ["'v_r_kms' is not in the phase space of gaia_rvs"]),
    ("spiral_responses/between/sources", ["sdssv_ob"], ["'response' must smooth v_R_kms for 'sdssv_ob'"]),
    ("spiral_responses/between/pitch_deg", [30.0, 4.0], ["spiral_responses.between.pitch_deg", "growing"]),
    ("spiral_responses/between/pattern_speed_kms_kpc", [30.0, 1.0], ["pattern_speed_kms_kpc", "growing"]),
    ("spiral_responses/between/pitch_deg", [0.0, 30.0], ["spiral_responses.between.pitch_deg"]),
    ("spiral_responses/between/reduction", "giant", ["spiral_responses.between.reduction", "nearest: 'giants'"]),
    ("published_maps/gaia_rvs", PUBLISHED, ["published_maps.gaia_rvs", "a sample has the same name"]),
    ("published_maps/gaia", PUBLISHED | {"sun": "khalil"}, ["published_maps.gaia.sun", "nearest: 'khalil2025'"]),
    ("checks/metallicity_gradients/lamost_hot/gradient", "radal", ["nearest: 'radial'"]),
    (
        "checks/azimuthal_variations/analytic_giants/sample",
        "gaia_rvs",
        ["'null_test' is not made for sample 'gaia_rvs'"],
    ),
    ("checks/spiral_mocks/inside/mock", "insides", ["checks.spiral_mocks.inside.mock", "nearest: 'inside'"]),
]


@pytest.mark.parametrize(("path", "value", "expected"), WRONG, ids=[f"{path}={value}"[:60] for path, value, _ in WRONG])
def test_each_mistake_is_named_in_one_line(config, schema, path, value, expected):
    put(config, path, value)
    with pytest.raises(ConfigError) as error:
        complete_config(config, schema)
    message = str(error.value)
    assert "\n" not in message
    for part in expected:
        assert part in message, message


def test_a_published_map_needs_a_stated_error_to_be_fitted(config, schema):
    config["published_maps"]["gaia"] = dict(PUBLISHED)
    config["spiral_responses"]["between"]["sources"] = ["gaia"]
    with pytest.raises(ConfigError, match=r"published_maps\.gaia\.error is None, expected a stated error above zero"):
        complete_config(config, schema)
    config["published_maps"]["gaia"]["error"] = 1.0
    complete_config(config, schema)


def test_defaults_reach_what_may_be_null(config, schema):
    config["published_maps"]["poggio"] = PUBLISHED | {"quantity": "overdensity"}
    config["metallicity_residuals"]["face_on"]["overdensity"] = {"source": "poggio"}
    config["checks"]["spiral_mocks"]["between"]["recovery"] = {
        "sample": "gaia_rvs", "smoothed": "response", "response": "between"
    }  # fmt: skip
    complete = complete_config(config, schema)
    assert complete["metallicity_residuals"]["face_on"]["overdensity"]["name"] is None
    assert complete["checks"]["spiral_mocks"]["between"]["recovery"]["tolerances"] == {}


def test_a_comparison_needs_a_density_contrast(config, schema):
    config["overdensity_comparisons"]["feh"]["overdensity"] = None
    with pytest.raises(ConfigError, match=r"overdensity_comparisons\.feh\.overdensity: got null"):
        complete_config(config, schema)


def test_published_maps_alone_are_an_atlas():
    overlay = yaml.safe_load((ROOT / "config/published_maps.yaml").read_text(encoding="utf-8"))
    assert overlay["atlas"]["samples"] == []
    named = {source for spec in overlay["spiral_responses"].values() for source in spec["sources"]}
    assert named <= set(overlay["published_maps"])


def merge(base, top):
    for key, value in top.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value


@pytest.mark.parametrize(
    ("file", "samples"),
    [
        ("clusters", ["hunt2023", "hunt2023_young", "dias2021", "otto2026"]),
        ("published_maps", []),
        ("bar_and_spirals", []),
    ],
)
def test_overlays_are_valid_on_top_of_the_default(config, schema, file, samples):
    merge(config, yaml.safe_load((ROOT / f"config/{file}.yaml").read_text(encoding="utf-8")))
    assert complete_config(config, schema)["atlas"]["samples"] == samples
