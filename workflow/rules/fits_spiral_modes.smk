"""Fits of spiral modes to a map of the median v_R by backward integration.

INPUTS   results/maps/{source}/published_map.parquet or disc_map_{disc_map}.parquet, results/galaxies/potential_plane_{potential}.parquet
OUTPUTS  results/fits/{source}/spiral_modes_{modes}.json, .csv, .tex, _generations.parquet, _map.parquet
"""


rule fit_spiral_modes:
    """Differential evolution of spiral modes at chosen points, then gradient descent; a killed run goes on where it was."""
    input:
        cells=map_of_modes,
        plane=lambda wildcards: plane_table_of(of_modes("model")(wildcards)),
        histogram=histogram_of_modes,
    output:
        generations="results/fits/{source}/spiral_modes_{modes}_generations.parquet",
        fit_map="results/fits/{source}/spiral_modes_{modes}_map.parquet",
        summary="results/fits/{source}/spiral_modes_{modes}.json",
    params:
        model=lambda wildcards: model_entries(of_modes("model")(wildcards)),
        compare=compared_model,
        fit=settings_of_modes,
        R0_kpc=lambda wildcards: radius_of_model(of_modes("model")(wildcards)),
        seed=config["seed"],
        library=library("fit_spiral_modes"),
    log:
        "logs/fit_spiral_modes/{source}/{modes}.log",
    benchmark:
        "benchmarks/fit_spiral_modes/{source}/{modes}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=3000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/fit_spiral_modes.py"


rule tabulate_spiral_modes:
    """The parameters of a fit as CSV and LaTeX."""
    input:
        summary="results/fits/{source}/spiral_modes_{modes}.json",
    output:
        csv="results/fits/{source}/spiral_modes_{modes}.csv",
        tex="results/fits/{source}/spiral_modes_{modes}.tex",
    params:
        title=lambda wildcards: title_of(wildcards.source),
        library=library("tabulate_spiral_modes"),
    log:
        "logs/tabulate_spiral_modes/{source}/{modes}.log",
    benchmark:
        "benchmarks/tabulate_spiral_modes/{source}/{modes}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/tabulate_spiral_modes.py"
