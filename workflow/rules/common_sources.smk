"""Where the maps come from that fits are made to: samples, or published maps of yours.

INPUTS   config
OUTPUTS  none
"""


def radius_of_sun(wildcards):
    """Return R0 for a sample whose distances need it: from Galactocentric radii, or from a metallicity that follows R."""
    needs_it = of_sample("distance")(wildcards) in ("galactocentric_radius", "period_wesenheit")
    return solar_set(wildcards)["R0_kpc"] if needs_it else None


def numpy_file(path):
    """Return the place of a user's file: absolute, or below data_folder."""
    return str(Path(config["data_folder"]) / path)


def is_published(source):
    """Return whether the source of a spiral fit is a published map, not a sample."""
    return source in config["published_maps"]


def response_map(wildcards):
    """Return the map that a spiral response is fitted to."""
    if is_published(wildcards.source):
        return f"results/maps/{wildcards.source}/published_map.parquet"
    return f"results/maps/{wildcards.source}/map_smoothed_{of_response('map')(wildcards)}.parquet"


def smoothed_cells(wildcards):
    """Return the smoothed map of a sample that a response is fitted to; a published map has no stars to count."""
    return [] if is_published(wildcards.source) else response_map(wildcards)


def of_windows(kind):
    """Return an input function: the covariance of the windows, or their stars, for the map of a sample."""
    paths = {
        "covariance": "results/maps/{source}/map_smoothed_{map}_covariance.parquet",
        "stars": "results/phase_space/{source}.parquet",
    }

    def path(wildcards):
        return (
            []
            if is_published(wildcards.source)
            else paths[kind].format(source=wildcards.source, map=of_response("map")(wildcards))
        )

    return path


def sun_of(source):
    """Return the solar set of a sample or of a published map."""
    entry = config["published_maps"][source] if is_published(source) else config["samples"][source]
    return config["sun"][entry["sun"]]


def title_of(source):
    """Return the title of a sample, or the citation of a published map."""
    return config["published_maps"][source]["citation"] if is_published(source) else config["samples"][source]["title"]


def objects_of(source):
    """Return what is counted: the objects of a sample, or the cells of a published map."""
    return "cells" if is_published(source) else config["samples"][source]["objects"]


def axis_file(axis):
    """Return an input function: the file of an axis of a published map, or none where the config declares it."""
    return lambda wildcards: (
        numpy_file(of_published(axis)(wildcards)) if isinstance(of_published(axis)(wildcards), str) else []
    )


def axis_values(axis):
    """Return a params function: start, stop and number of an axis of a published map, or None where a file has it."""
    return lambda wildcards: None if isinstance(of_published(axis)(wildcards), str) else of_published(axis)(wildcards)


def window_of_source(wildcards):
    """Return the side of the squares that a published map's values are averages of; the windows of a sample have their stars."""
    return config["published_maps"][wildcards.source]["window_kpc"] if is_published(wildcards.source) else None


def reduction_of_response(wildcards):
    """Return the table of the reduction of a warm disc, if the response names one."""
    name = of_response("reduction")(wildcards)
    return f"results/galaxies/spiral_reduction_{name}.parquet" if name else []


def stars_of_mock(wildcards):
    """Return the phase space whose places a mock takes for the recovery of its input, if there is one."""
    recovery = of_check("spiral_mocks", "recovery")(wildcards)
    return f"results/phase_space/{recovery['sample']}.parquet" if recovery else []


def recovery_of_mock(wildcards):
    """Return the recovery of a mock with the config entries of its smoothed map and response for their names."""
    recovery = of_check("spiral_mocks", "recovery")(wildcards)
    if recovery is None:
        return None
    entries = {"smoothed": "smoothed_maps", "response": "spiral_responses"}
    named = {key: config[section][recovery[key]] for key, section in entries.items()}
    return {key: value for key, value in recovery.items() if key != "sample"} | named
