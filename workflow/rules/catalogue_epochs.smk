"""Velocities of single epochs, one per star; and matches of catalogues on the sky.

INPUTS   results/catalogues/visits/{catalogue}.parquet or a file of yours, results/catalogues/{catalogue}.parquet
OUTPUTS  results/catalogues/velocities/{epochs}.parquet and .json, results/catalogues/matches/{match}.parquet and .json,
         results/catalogues/matches/overlaps_{overlaps}.parquet, .csv and .tex, results/samples/spectral_classes_{sample}.parquet
"""


rule combine_epochs:
    """One velocity per star from the epochs and pipelines of a survey, by the declared rule."""
    input:
        epochs=lambda wildcards: epoch_file(wildcards.epochs),
    output:
        velocities="results/catalogues/velocities/{epochs}.parquet",
        summary="results/catalogues/velocities/{epochs}.json",
    params:
        id=of_epochs("id"),
        time=of_epochs("time"),
        pipelines=of_epochs("pipelines"),
        mean=of_epochs("mean"),
        errors=of_epochs("errors"),
        library=library("combine_epochs"),
    log:
        "logs/combine_epochs/{epochs}.log",
    benchmark:
        "benchmarks/combine_epochs/{epochs}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/catalogue.yaml"
    script:
        "../scripts/combine_epochs.py"


rule tabulate_spectral_classes:
    """Stars of each spectral class in a sample and before it in its catalogue, to publish."""
    input:
        sample="results/samples/{sample}.parquet",
        background=lambda wildcards: f"results/catalogues/{of_sample('catalogue')(wildcards)}.parquet",
    output:
        classes="results/samples/spectral_classes_{sample}.parquet",
        kiel="results/samples/spectral_classes_{sample}_kiel.parquet",
        csv="results/samples/spectral_classes_{sample}.csv",
        tex="results/samples/spectral_classes_{sample}.tex",
        summary="results/samples/spectral_classes_{sample}.json",
    params:
        cuts=of_sample("cuts"),
        log_teff_bin_dex=of_classes("log_teff_bin_dex"),
        logg_bin_dex=of_classes("logg_bin_dex"),
        published=lambda wildcards: of_classes("published")(wildcards).get(wildcards.sample),
        title=of_sample("title"),
        background_title=lambda wildcards: of_sample("catalogue")(wildcards),
        library=library("tabulate_spectral_classes"),
    log:
        "logs/tabulate_spectral_classes/{sample}.log",
    benchmark:
        "benchmarks/tabulate_spectral_classes/{sample}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/catalogue.yaml"
    script:
        "../scripts/tabulate_spectral_classes.py"


rule match_catalogues:
    """Pairs of two catalogues on the sky within a radius, moved to one epoch."""
    input:
        left=lambda wildcards: matched_table(of_match("left_of")(wildcards), of_match("left")(wildcards)),
        right=lambda wildcards: matched_table(of_match("right_of")(wildcards), of_match("right")(wildcards)),
    output:
        matches="results/catalogues/matches/{match}.parquet",
        summary="results/catalogues/matches/{match}.json",
    params:
        radius_arcsec=of_match("radius_arcsec"),
        epoch_yr=of_match("epoch_yr"),
        left_epoch_yr=of_match("left_epoch_yr"),
        right_epoch_yr=of_match("right_epoch_yr"),
        shift_arcsec=of_match("shift_arcsec"),
        library=library("match_catalogues"),
    log:
        "logs/match_catalogues/{match}.log",
    benchmark:
        "benchmarks/match_catalogues/{match}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=3000,
    conda:
        "../../envs/catalogue.yaml"
    script:
        "../scripts/match_catalogues.py"


rule tabulate_overlaps:
    """How many stars catalogues have in common, to publish."""
    input:
        rows=lambda wildcards: [matched_table(entry["of"], entry["name"]) for entry in of_overlaps("rows")(wildcards)],
        columns=lambda wildcards: [
            matched_table(entry["of"], entry["name"]) for entry in of_overlaps("columns")(wildcards)
        ],
    output:
        table="results/catalogues/matches/overlaps_{overlaps}.parquet",
        csv="results/catalogues/matches/overlaps_{overlaps}.csv",
        tex="results/catalogues/matches/overlaps_{overlaps}.tex",
    params:
        row_titles=lambda wildcards: [table_title(entry) for entry in of_overlaps("rows")(wildcards)],
        column_titles=lambda wildcards: [table_title(entry) for entry in of_overlaps("columns")(wildcards)],
        row_epochs_yr=lambda wildcards: [entry["epoch_yr"] for entry in of_overlaps("rows")(wildcards)],
        column_epochs_yr=lambda wildcards: [entry["epoch_yr"] for entry in of_overlaps("columns")(wildcards)],
        radius_arcsec=of_overlaps("radius_arcsec"),
        epoch_yr=of_overlaps("epoch_yr"),
        shift_arcsec=of_overlaps("shift_arcsec"),
        title=of_overlaps("title"),
        library=library("tabulate_overlaps"),
    log:
        "logs/tabulate_overlaps/{overlaps}.log",
    benchmark:
        "benchmarks/tabulate_overlaps/{overlaps}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=3000,
    conda:
        "../../envs/catalogue.yaml"
    script:
        "../scripts/tabulate_overlaps.py"
