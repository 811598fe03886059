"""Config of models with a bar and spirals: each mistake across keys is named in one line, with its place and what to do."""

import pytest
from config_edits import put

from discatlas.config import ConfigError, complete_config

HISTOGRAM = {
    "path": "h.npy",
    "v_R_kms": [-200, 200, 2],
    "v_phi_kms": [0, 400, 2],
    "index": "phi_R",
    "sun": "khalil2025",
    "citation": "nobody",
}
FIT = {"title": "refit", "fit": {"name": "two_modes", "source": "gaia_rvs"}}
WRONG = [
    ("barred_models/bar_only/potential", None, ["barred_models.bar_only.potential", "got null"]),
    ("barred_models/bar_only/bar", "khalil", ["barred_models.bar_only.bar", "nearest: 'khalil2025'"]),
    ("barred_models/bar_only/spirals", ["m2"], ["barred_models.bar_only.spirals", "khalil2025_m2"]),
    ("barred_models/refit", FIT | {"bar": "khalil2025"}, ["barred_models.refit.bar", "expected null"]),
    ("barred_models/refit", {"title": "x", "fit": {"name": "two", "source": "gaia_rvs"}}, ["nearest: 'two_modes'"]),
    ("barred_models/refit", {"title": "x", "fit": {"name": "two_modes", "source": "x"}}, ["is not fitted to 'x'"]),
    ("velocity_planes/sun/models", ["bar"], ["velocity_planes.sun.models", "nearest: 'bar_only'"]),
    ("velocity_planes/sun/data", "gaia", ["velocity_planes.sun.data", "'gaia' is not declared"]),
    ("disc_maps/near/models", [], ["disc_maps.near.models", "at least one"]),
    ("disc_maps/near/published", ["map"], ["disc_maps.near.published", "'map' is not declared"]),
    ("disc_maps/near/selection", "Z < 1", ["disc_maps.near.selection", "'Z'"]),
    ("ridges/groups/samples", ["gaia"], ["ridges.groups.samples", "'gaia' is not declared"]),
    ("bar_strips/hat/velocity_plane", "moon", ["bar_strips.hat.velocity_plane", "'moon'"]),
    ("orbits/disc/samples", ["apogee_giants"], ["orbits.disc.errors", "samples.apogee_giants.correlations"]),
    ("orbits/more", {"samples": ["gaia_rvs"], "model": "bar_only"}, ["'gaia_rvs' has the orbits 'disc' already"]),
    ("orbits/disc/duration_kpc_kms", 0, ["orbits.disc.duration_kpc_kms", "got 0"]),
    ("solar_orbits/sun/sun", "khalil", ["solar_orbits.sun.sun", "nearest: 'khalil2025'"]),
    ("traces/associations/model", "bars", ["traces.associations.model", "nearest: 'bar_only'"]),
    ("spiral_mode_fits/two_modes/map", "wide", ["spiral_mode_fits.two_modes.map", "is not made for sample 'gaia_rvs'"]),
    ("spiral_mode_fits/two_modes/local", {"v_phi_kms": [250], "sigma_kms": 3}, ["needs velocities at the Sun"]),
    ("spiral_mode_fits/two_modes/accuracy", "slow", ["spiral_mode_fits.two_modes.accuracy"]),
    ("spiral_posteriors/two_modes/fit", "two", ["spiral_posteriors.two_modes.fit", "nearest: 'two_modes'"]),
    ("spiral_posteriors/two_modes/n_predictive", 201, ["n_predictive", "at most n_validation (200)"]),
    ("barred_mocks/khalil2025/model", "khalil", ["barred_mocks.khalil2025.model", "nearest: 'khalil2025'"]),
    ("checks/backward_models/published/model", "x", ["checks.backward_models.published.model", "'x'"]),
    ("checks/barred_mocks/khalil2025/mock", "x", ["checks.barred_mocks.khalil2025.mock", "'x'"]),
    ("published_histograms/gaia_rvs", HISTOGRAM, ["published_histograms.gaia_rvs", "the same name"]),
    ("published_histograms/gaia", HISTOGRAM | {"sun": "khalil"}, ["published_histograms.gaia.sun", "khalil2025"]),
]


@pytest.mark.parametrize(("path", "value", "words"), WRONG, ids=[f"{path}={value}"[:60] for path, value, _ in WRONG])
def test_mistakes_are_named(config, schema, path, value, words):
    put(config, path, value)
    with pytest.raises(ConfigError) as error:
        complete_config(config, schema)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_a_model_cannot_come_from_a_fit_of_itself(config, schema):
    put(config, "barred_models/refit", FIT)
    assert complete_config(config, schema)["barred_models"]["refit"]["potential"] is None
    put(config, "spiral_mode_fits/two_modes/model", "refit")
    with pytest.raises(
        ConfigError, match=r"barred_models\.refit\.fit: the model of fit 'two_modes' comes from the fit"
    ):
        complete_config(config, schema)
