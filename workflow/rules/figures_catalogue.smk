"""Figures of what the samples come from: simulated galaxies, and the stars of each sample on the sky and in the HR diagram.

INPUTS   results/galaxies/galaxy_{galaxy}.parquet, results/samples/{sample}.parquet
OUTPUTS  results/figures/galaxies/galaxy_{galaxy}.pdf and .png, results/figures/{sample}/survey.pdf and .png
"""


rule plot_galaxy:
    """A simulated galaxy: density, streaming motions, the velocity plane near the Sun, rotation."""
    input:
        galaxy="results/galaxies/galaxy_{galaxy}.parquet",
        plane=plane_table,
    output:
        pdf="results/figures/galaxies/galaxy_{galaxy}.pdf",
        png=report(
            "results/figures/galaxies/galaxy_{galaxy}.png",
            caption="../report/galaxy.rst",
            category="galaxies",
            labels={"galaxy": "{galaxy}"},
        ),
    params:
        R0_kpc=lambda wildcards: config["galaxies"][wildcards.galaxy]["R0_kpc"],
        z_sun_kpc=0.0,
        title=lambda wildcards: f"simulated galaxy {wildcards.galaxy}",
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_galaxy"),
    log:
        "logs/plot_galaxy/{galaxy}.log",
    benchmark:
        "benchmarks/plot_galaxy/{galaxy}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_galaxy.py"


rule plot_survey:
    """The stars of a sample: sky, HR diagram, distances and magnitudes."""
    input:
        sample="results/samples/{sample}.parquet",
    output:
        pdf="results/figures/{sample}/survey.pdf",
        png=report(
            "results/figures/{sample}/survey.png",
            caption="../report/survey.rst",
            category="{sample}",
            subcategory="survey",
        ),
    params:
        title=of_sample("title"),
        objects=of_sample("objects"),
        dpi=config["figures"]["dpi"],
        library=library("plot_survey"),
    log:
        "logs/plot_survey/{sample}.log",
    benchmark:
        "benchmarks/plot_survey/{sample}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_survey.py"
