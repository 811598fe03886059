"""What the rules of fits of spiral modes look up in the config.

INPUTS   config
OUTPUTS  none
"""

from discatlas.bar_spirals.mode_pages import MODES_PAGES
from discatlas.bar_spirals.posterior_pages import POSTERIOR_PAGES

NAMES_OF_FIT = ("sources", "map", "model", "compare", "histogram")  # of data and models, which are given as files


def map_of_modes(wildcards):
    """Return the map that spiral modes are fitted to."""
    if is_published(wildcards.source):
        return f"results/maps/{wildcards.source}/published_map.parquet"
    return f"results/maps/{wildcards.source}/disc_map_{of_modes('map')(wildcards)}.parquet"


def histogram_of_modes(wildcards):
    """Return the velocities at the Sun for the local constraint of a fit, if it has one."""
    name = of_modes("histogram")(wildcards) if of_modes("local")(wildcards) else None
    return f"results/maps/{name}/published_histogram.parquet" if name else []


def settings_of_modes(wildcards):
    """Return what a fit of spiral modes is made with, but for the names of its data and models."""
    entry = config["spiral_mode_fits"][wildcards.modes]
    return {key: value for key, value in entry.items() if key not in NAMES_OF_FIT}


def compared_model(wildcards):
    """Return the entries of the model that a fit is reported beside, if there is one."""
    name = of_modes("compare")(wildcards)
    return model_entries(name) if name else None


def mock_of(wildcards):
    """Return the mock that a check is of."""
    return config["checks"]["barred_mocks"][wildcards.check]["mock"]


def posterior_of(model):
    """Return source and name of the posterior about the fit that a model comes from, or None."""
    fit = config["barred_models"][model]["fit"]
    names = [
        name
        for name, spec in config["spiral_posteriors"].items()
        if fit and spec["fit"] == fit["name"] and fit["source"] in spec["sources"]
    ]
    return (fit["source"], names[0]) if names else None


def draws_of(model):
    """Return the posterior whose draws go with a model, if there is one."""
    found = posterior_of(model)
    return "results/fits/{}/spiral_posterior_{}.parquet".format(*found) if found else []


def choice_of_cut_offs(model):
    """Return the choice of cut-offs of the fit that a model comes from, or None."""
    fit = config["barred_models"][model]["fit"]
    return config["spiral_mode_fits"][fit["name"]]["cut_offs"] if fit else None


def fit_of_posterior(wildcards):
    """Return the config entry of the fit that a posterior is about."""
    return config["spiral_mode_fits"][of_posterior("fit")(wildcards)]


def map_of_posterior(wildcards):
    """Return the map that a posterior is from."""
    if is_published(wildcards.source):
        return f"results/maps/{wildcards.source}/published_map.parquet"
    return f"results/maps/{wildcards.source}/disc_map_{fit_of_posterior(wildcards)['map']}.parquet"


def fit_settings_of_posterior(wildcards):
    """Return what the fit of a posterior was made with."""
    return {key: value for key, value in fit_of_posterior(wildcards).items() if key not in NAMES_OF_FIT}


def settings_of_posterior(wildcards):
    """Return what a posterior is made with, but for the names of its data and fit , the jobs and the figures."""
    entry = config["spiral_posteriors"][wildcards.posterior]
    return {key: value for key, value in entry.items() if key not in ("sources", "fit", "n_parts", "references")}


def settings_of_coverage(wildcards):
    """Return what a study of coverage is made with, but for its model."""
    entry = config["checks"]["spiral_posteriors"][wildcards.check]
    return {key: value for key, value in entry.items() if key != "model"}


def parts_of_design(wildcards):
    """Return the parts of the first design of a posterior."""
    stem = f"results/fits/{wildcards.source}/spiral_models_{wildcards.posterior}_"
    return [f"{stem}{part}.parquet" for part in range(of_posterior("n_parts")(wildcards))]


def has_data(names):
    """Return whether an entry has data in this atlas."""
    return any(name in SAMPLES or is_published(name) or name in config["published_histograms"] for name in names)


def models_of(entries):
    """Return the models of entries, given by section."""
    return list(
        dict.fromkeys(
            model for section in entries for name in entries[section] for model in config[section][name]["models"]
        )
    )


def is_fitted(section, name):
    """Return whether a model, or one of those of an entry, comes from a fit: then it is made on demand."""
    if section == "models":
        return config["barred_models"][name]["fit"] is not None
    entry = orbits_of(name) if section == "orbits" else config[section][name]
    return any(is_fitted("models", model) for model in entry.get("models", [entry.get("model")]))


def is_declared(section, name):
    """Return whether all models of an entry are those of the config."""
    return not is_fitted(section, name)
