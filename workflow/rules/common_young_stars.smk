"""What the rules of epochs, matches, ages and population pages look up in the config.

INPUTS   config
OUTPUTS  none
"""

of_epochs = of_named("epochs", "epochs")
of_match = of_named("matches", "match")
of_overlaps = of_named("overlap_tables", "overlaps")
of_columns = of_named("column_comparisons", "columns")
of_binaries = of_named("binaries", "binaries")
of_page = of_named("population_pages", "page")
of_clusters = of_named("cluster_ages", "clusters")


def epoch_file(name):
    """Return the table of epochs: your own, or the visits of the simulated survey."""
    spec = config["epochs"][name]
    if spec["path"]:
        return str(Path(config["data_folder"]) / spec["path"])
    return f"results/catalogues/visits/{spec['catalogue']}.parquet"


def epochs_of_binaries(key):
    """Return a function that gives one config key of the epochs of a simulation of binaries, for params."""
    return lambda wildcards: config["epochs"][of_binaries("epochs")(wildcards)][key]


def matched_table(kind, name):
    """Return the table of a catalogue or a sample."""
    return f"results/{kind}s/{name}.parquet"


def table_title(entry):
    """Return the title of a table of overlaps' row or column."""
    return entry["title"] or entry["name"]


def entry_of(section, sample):
    """Return the config entry that a section has for a sample, or None; these sections have one per sample."""
    return next((spec for spec in config[section].values() if sample in spec["samples"]), None)


def of_entry(section):
    """Return a function of a key: for params, that key of the sample's entry of a section with one per sample."""
    return lambda key: lambda wildcards: entry_of(section, wildcards.sample)[key]


of_ages = of_entry("ages")
of_classes = of_entry("spectral_classes")
of_toomre = of_entry("toomre_diagrams")


def grid_folder(wildcards):
    """Return the folder of the official isochrones, if they are used."""
    folder = of_ages("grid_folder")(wildcards)
    return str(Path(config["data_folder"]) / folder) if folder else []


def overdensity_over_map(wildcards):
    """Return the density contrast whose contours are drawn over a map, if one is declared."""
    spec = of_map("overdensity")(wildcards)
    return overdensity_table(spec) if spec else []


def star_tables(of_section):
    """Return an input function: the tables of stars that an entry joins to the phase space."""
    return lambda wildcards: [
        f"results/phase_space/{kind}/{wildcards.sample}.parquet" for kind in of_section("tables")(wildcards)
    ]


def velocities_of_sample(wildcards):
    """Return the combined velocities that a sample takes, if it does."""
    name = of_sample("velocities")(wildcards)
    return f"results/catalogues/velocities/{name}.parquet" if name else []


def match_files(wildcards):
    """Return the matches that a sample takes columns from."""
    return [f"results/catalogues/matches/{entry['match']}.parquet" for entry in of_sample("matches")(wildcards)]


def match_tables(wildcards):
    """Return the tables on the right of these matches."""
    specs = [config["matches"][entry["match"]] for entry in of_sample("matches")(wildcards)]
    return [matched_table(spec["right_of"], spec["right"]) for spec in specs]


def of_panels(key):
    """Return a function that gives one config key of the samples of a page, one per panel, for params."""
    return lambda wildcards: [config["samples"][panel["sample"]][key] for panel in of_page("panels")(wildcards)]


def of_panel_suns(key):
    """Return a function that gives one value of the solar sets of the samples of a page, one per panel, for params."""
    return lambda wildcards: [config["sun"][name][key] for name in of_panels("sun")(wildcards)]


def compared_cells(wildcards):
    """Return the residual map or the map that is compared with a density contrast."""
    residual, chart = of_comparison("residual")(wildcards), of_comparison("map")(wildcards)
    if residual:
        return f"results/fits/{wildcards.sample}/metallicity_residual_{residual}.parquet"
    return f"results/maps/{wildcards.sample}/map_{chart}.parquet"


def compared_column(wildcards):
    """Return its column that is compared."""
    residual = of_comparison("residual")(wildcards)
    if residual:
        return residual_column(residual)
    base, unit = split_unit(of_comparison("quantity")(wildcards))
    return join_unit(f"{base}_{of_comparison('statistic')(wildcards)}", unit)


wildcard_constraints:
    epochs=one_of(config["epochs"]),
    match=one_of(config["matches"]),
    overlaps=one_of(config["overlap_tables"]),
    columns=one_of(config["column_comparisons"]),
    binaries=one_of(config["binaries"]),
    page=one_of(config["population_pages"]),
    clusters=one_of(config["cluster_ages"]),
