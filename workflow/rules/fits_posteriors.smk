"""Posteriors of spiral modes and the bar from all cells of a map, by an emulator of the backward integration.

INPUTS   results/maps/{source}/published_map.parquet or disc_map_{disc_map}.parquet, results/fits/{source}/spiral_modes_{modes}.json
OUTPUTS  results/fits/{source}/spiral_posterior_{posterior}.parquet, .json, .csv, .tex, _training, _map and _validation.parquet
"""


rule evaluate_spiral_models:
    """A part of the first design of models; a killed run goes on where it was."""
    input:
        cells=map_of_posterior,
        plane=lambda wildcards: plane_table_of(fit_of_posterior(wildcards)["model"]),
        fit=lambda wildcards: f"results/fits/{wildcards.source}/spiral_modes_{of_posterior('fit')(wildcards)}.json",
    output:
        evaluations="results/fits/{source}/spiral_models_{posterior}_{part}.parquet",
    params:
        model=lambda wildcards: model_entries(fit_of_posterior(wildcards)["model"]),
        fit_settings=fit_settings_of_posterior,
        settings=settings_of_posterior,
        n_parts=of_posterior("n_parts"),
        R0_kpc=lambda wildcards: radius_of_model(fit_of_posterior(wildcards)["model"]),
        seed=config["seed"],
        library=library("evaluate_spiral_models"),
    log:
        "logs/evaluate_spiral_models/{source}/{posterior}_{part}.log",
    benchmark:
        "benchmarks/evaluate_spiral_models/{source}/{posterior}_{part}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/evaluate_spiral_models.py"


rule fit_spiral_posterior:
    """Rounds of learning about the posterior, nested sampling, and draws evaluated again in full."""
    input:
        cells=map_of_posterior,
        plane=lambda wildcards: plane_table_of(fit_of_posterior(wildcards)["model"]),
        fit=lambda wildcards: f"results/fits/{wildcards.source}/spiral_modes_{of_posterior('fit')(wildcards)}.json",
        parts=parts_of_design,
    output:
        draws="results/fits/{source}/spiral_posterior_{posterior}.parquet",
        training="results/fits/{source}/spiral_posterior_{posterior}_training.parquet",
        predictive_map="results/fits/{source}/spiral_posterior_{posterior}_map.parquet",
        validation="results/fits/{source}/spiral_posterior_{posterior}_validation.parquet",
        summary="results/fits/{source}/spiral_posterior_{posterior}.json",
    params:
        model=lambda wildcards: model_entries(fit_of_posterior(wildcards)["model"]),
        fit_settings=fit_settings_of_posterior,
        settings=settings_of_posterior,
        R0_kpc=lambda wildcards: radius_of_model(fit_of_posterior(wildcards)["model"]),
        seed=config["seed"],
        library=library("fit_spiral_posterior"),
    log:
        "logs/fit_spiral_posterior/{source}/{posterior}.log",
    benchmark:
        "benchmarks/fit_spiral_posterior/{source}/{posterior}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=4000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/fit_spiral_posterior.py"


rule tabulate_spiral_posterior:
    """The parameters with their errors, and their correlations, as CSV and LaTeX."""
    input:
        summary="results/fits/{source}/spiral_posterior_{posterior}.json",
    output:
        csv="results/fits/{source}/spiral_posterior_{posterior}.csv",
        degeneracies="results/fits/{source}/spiral_posterior_{posterior}_degeneracies.csv",
        tex="results/fits/{source}/spiral_posterior_{posterior}.tex",
    params:
        title=lambda wildcards: title_of(wildcards.source),
        library=library("tabulate_spiral_posterior"),
    log:
        "logs/tabulate_spiral_posterior/{source}/{posterior}.log",
    benchmark:
        "benchmarks/tabulate_spiral_posterior/{source}/{posterior}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/tabulate_spiral_posterior.py"
