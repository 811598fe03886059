"""Figures of fits of spiral modes.

INPUTS   results/fits/{source}/spiral_modes_{modes}*
OUTPUTS  results/figures/{source}/spiral_modes_{modes}-{page}.pdf and .png
"""


rule plot_spiral_modes:
    """The search, the map with data and residual, and the parameters beside published ones."""
    input:
        generations="results/fits/{source}/spiral_modes_{modes}_generations.parquet",
        fit_map="results/fits/{source}/spiral_modes_{modes}_map.parquet",
        summary="results/fits/{source}/spiral_modes_{modes}.json",
    output:
        pdf=expand("results/figures/{{source}}/spiral_modes_{{modes}}-{page}.pdf", page=MODES_PAGES),
        png=report(
            expand("results/figures/{{source}}/spiral_modes_{{modes}}-{page}.png", page=MODES_PAGES),
            caption="../report/spiral_modes.rst",
            category="{source}",
            subcategory="spiral modes {modes}",
        ),
    params:
        pages=MODES_PAGES,
        z_sun_kpc=lambda wildcards: sun_of(wildcards.source)["z_sun_kpc"],
        title=lambda wildcards: title_of(wildcards.source),
        objects=lambda wildcards: objects_of(wildcards.source),
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_spiral_modes"),
    log:
        "logs/plot_spiral_modes/{source}/{modes}.log",
    benchmark:
        "benchmarks/plot_spiral_modes/{source}/{modes}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_spiral_modes.py"


rule plot_spiral_posterior:
    """The corner plot, the predicted map, the emulator held against full evaluations, and degeneracies."""
    input:
        draws="results/fits/{source}/spiral_posterior_{posterior}.parquet",
        predictive_map="results/fits/{source}/spiral_posterior_{posterior}_map.parquet",
        validation="results/fits/{source}/spiral_posterior_{posterior}_validation.parquet",
        summary="results/fits/{source}/spiral_posterior_{posterior}.json",
        fit=lambda wildcards: f"results/fits/{wildcards.source}/spiral_modes_{of_posterior('fit')(wildcards)}.json",
    output:
        pdf=expand("results/figures/{{source}}/spiral_posterior_{{posterior}}-{page}.pdf", page=POSTERIOR_PAGES),
        png=report(
            expand("results/figures/{{source}}/spiral_posterior_{{posterior}}-{page}.png", page=POSTERIOR_PAGES),
            caption="../report/spiral_posterior.rst",
            category="{source}",
            subcategory="spiral posterior {posterior}",
        ),
    params:
        pages=POSTERIOR_PAGES,
        references=of_posterior("references"),
        R0_kpc=lambda wildcards: sun_of(wildcards.source)["R0_kpc"],
        z_sun_kpc=lambda wildcards: sun_of(wildcards.source)["z_sun_kpc"],
        title=lambda wildcards: title_of(wildcards.source),
        objects=lambda wildcards: objects_of(wildcards.source),
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_spiral_posterior"),
    log:
        "logs/plot_spiral_posterior/{source}/{posterior}.log",
    benchmark:
        "benchmarks/plot_spiral_posterior/{source}/{posterior}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_spiral_posterior.py"


rule plot_barred_mock:
    """The map of a mock, of backward integration, and their differences over their errors."""
    input:
        compared="results/checks/barred_mock_{check}.parquet",
    output:
        pdf="results/figures/galaxies/barred_mock_{check}.pdf",
        png=report(
            "results/figures/galaxies/barred_mock_{check}.png",
            caption="../report/barred_mock.rst",
            category="galaxies",
            subcategory="barred mock {check}",
        ),
    params:
        title=lambda wildcards: titles_of_models([config["barred_mocks"][mock_of(wildcards)]["model"]])[0],
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_barred_mock"),
    log:
        "logs/plot_barred_mock/{check}.log",
    benchmark:
        "benchmarks/plot_barred_mock/{check}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_barred_mock.py"
