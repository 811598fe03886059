"""What the rules of models with a bar and spirals look up in the config.

INPUTS   config
OUTPUTS  none
"""

from discatlas.bar_spirals.ridge_pages import RIDGE_PAGES

of_plane = of_named("velocity_planes", "plane")
of_histogram = of_named("published_histograms", "histogram")
of_strip = of_named("bar_strips", "strip")
of_disc_map = of_named("disc_maps", "disc_map")
of_momentum = of_named("angular_momentum_planes", "momentum")
of_ridges = of_named("ridges", "ridges")
of_modes = of_named("spiral_mode_fits", "modes")
of_posterior = of_named("spiral_posteriors", "posterior")
of_solar_orbit = of_named("solar_orbits", "solar_orbit")
of_trace = of_named("traces", "trace")
of_barred_mock = of_named("barred_mocks", "mock")


def base_model(name):
    """Return the config entry of a model; of one that comes from a fit, that of the model whose spirals were fitted."""
    entry = config["barred_models"][name]
    return base_model(config["spiral_mode_fits"][entry["fit"]["name"]]["model"]) if entry["fit"] else entry


def potential_of(model):
    """Return the axisymmetric potential of a model."""
    return base_model(model)["potential"]


def radius_of_model(model):
    """Return R0 of a model: that of its distribution function."""
    return config["distribution_functions"][base_model(model)["distribution"]]["R0_kpc"]


def model_entries(model):
    """Return bar, spirals, distribution and time of a model that does not come from a fit, whole, for their names."""
    entry = config["barred_models"][model]
    return {
        "bar": config["bars"].get(entry["bar"]),
        "spirals": [config["spirals"][name] for name in entry["spirals"]],
        "distribution": config["distribution_functions"][entry["distribution"]],
        "integration_kpc_kms": entry["integration_kpc_kms"],
    }


def entries_of_model(wildcards):
    """Return the entries of a model, or None where a fit has them."""
    return None if config["barred_models"][wildcards.model]["fit"] else model_entries(wildcards.model)


def fit_of_model(wildcards):
    """Return the fit that a model comes from, if it does."""
    fit = config["barred_models"][wildcards.model]["fit"]
    return f"results/fits/{fit['source']}/spiral_modes_{fit['name']}.json" if fit else []


def model_file(model):
    """Return the file of a model."""
    return f"results/fits/barred_models/{model}/barred_model.json"


def plane_table_of(model, kind="plane"):
    """Return the table of a model's potential, in the plane or on the grid."""
    return f"results/galaxies/potential_{kind}_{potential_of(model)}.parquet"


def plane_of_model(wildcards):
    """Return the table of the potential in the plane of the model of the wildcards."""
    return plane_table_of(wildcards.model)


def plane_counts(wildcards):
    """Return the counts of velocities beside a model's: of a sample, or published; none where none are declared."""
    data = of_plane("data")(wildcards)
    if data in config["published_histograms"]:
        return f"results/maps/{data}/published_histogram.parquet"
    return f"results/maps/{data}/velocity_plane_{wildcards.plane}.parquet" if data in SAMPLES else []


def parts_of_map(wildcards):
    """Return the parts of a model's map."""
    stem = f"results/fits/barred_models/{wildcards.model}/disc_map_part_{wildcards.disc_map}_"
    return [f"{stem}{part}.parquet" for part in range(of_disc_map("n_parts")(wildcards))]


def maps_of_models(name, suffix=""):
    """Return an input function: the tables of a map of the disc, one for each of its models."""
    return lambda wildcards: [
        f"results/fits/barred_models/{model}/{name}_{wildcards.disc_map}{suffix}.parquet"
        for model in of_disc_map("models")(wildcards)
    ]


def sources_of_map(disc_map):
    """Return the samples of this atlas and the published maps that are the data of a map of the disc."""
    spec = config["disc_maps"][disc_map]
    return [sample for sample in spec["samples"] if sample in SAMPLES] + spec["published"]


def observed_maps(wildcards):
    """Return the maps of the data of a map of the disc."""
    return [
        f"results/maps/{source}/"
        + ("published_map.parquet" if is_published(source) else f"disc_map_{wildcards.disc_map}.parquet")
        for source in sources_of_map(wildcards.disc_map)
    ]


def orbits_of(sample):
    """Return the config entry of the orbits of a sample, or None."""
    return next((spec for spec in config["orbits"].values() if sample in spec["samples"]), None)


def of_orbits(key):
    """Return a function that gives one config key of the sample's orbits, for params."""
    return lambda wildcards: orbits_of(wildcards.sample)[key]


wildcard_constraints:
    model=one_of(config["barred_models"]),
    plane=one_of(config["velocity_planes"]),
    histogram=one_of(config["published_histograms"]),
    strip=one_of(config["bar_strips"]),
    disc_map=one_of(config["disc_maps"]),
    momentum=one_of(config["angular_momentum_planes"]),
    ridges=one_of(config["ridges"]),
    modes=one_of(config["spiral_mode_fits"]),
    posterior=one_of(config["spiral_posteriors"]),
    solar_orbit=one_of(config["solar_orbits"]),
    trace=one_of(config["traces"]),
    part=r"[0-9]+",
    page=r"[a-z_]+",
