"""What the figures of models with a bar and spirals look up in the config.

INPUTS   config
OUTPUTS  none
"""


def titles_of_models(models):
    """Return the titles of models."""
    return [config["barred_models"][model]["title"] for model in models]


def title_of_data(source):
    """Return the title of a sample, the citation of a published map or histogram, or None without data."""
    if source in config["published_histograms"]:
        return config["published_histograms"][source]["citation"]
    return title_of(source) if source in SAMPLES or source in config["published_maps"] else None


def tables_of_plane(suffix, kind="parquet"):
    """Return an input function: the tables of a velocity plane, one for each of its models."""
    return lambda wildcards: [
        f"results/fits/barred_models/{model}/velocity_plane_{wildcards.plane}{suffix}.{kind}"
        for model in of_plane("models")(wildcards)
    ]


def planes_of_momentum(kind, folder):
    """Return an input function: the tables of a plane of angular momentum, of its models or of its samples."""
    return lambda wildcards: [
        f"{folder.format(name=name)}/angular_momentum_plane_{wildcards.momentum}.parquet"
        for name in of_momentum(kind)(wildcards)
        if kind == "models" or name in SAMPLES
    ]


def sun_of_plane(wildcards):
    """Return the velocity of the Sun of the data beside a velocity plane, or None."""
    data = of_plane("data")(wildcards)
    if data in config["published_histograms"]:
        return config["sun"][config["published_histograms"][data]["sun"]]["v_sun_kms"]
    return sun_of(data)["v_sun_kms"] if data in SAMPLES else None


def sun_of_map(disc_map):
    """Return where the Sun is in a map of the disc: that of its first data, or at the model's R0 in the plane."""
    sources = sources_of_map(disc_map)
    model = config["disc_maps"][disc_map]["models"][0]
    return sun_of(sources[0]) if sources else {"R0_kpc": radius_of_model(model), "z_sun_kpc": 0.0}


def objects_of_map(disc_map):
    """Return what is counted in the data of a map of the disc."""
    return next((objects_of(source) for source in sources_of_map(disc_map)), "cells")


def overdensity_of_map(wildcards):
    """Return the density contrast behind the wide page, where the atlas makes it."""
    spec = of_disc_map("overdensity")(wildcards)
    return overdensity_table(spec) if spec and (spec["source"] in SAMPLES or is_published(spec["source"])) else []


def plane_of_strip(key):
    """Return a params function: a key of the velocity plane that gives the place of a bar's strip."""
    return lambda wildcards: config["velocity_planes"][of_strip("velocity_plane")(wildcards)][key]


def strip_counts(wildcards):
    """Return the counts of velocities that a bar's strip is taken from."""
    if wildcards.source in config["published_histograms"]:
        return f"results/maps/{wildcards.source}/published_histogram.parquet"
    return f"results/maps/{wildcards.source}/velocity_plane_{of_strip('velocity_plane')(wildcards)}.parquet"
