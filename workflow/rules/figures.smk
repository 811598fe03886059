"""Figures as PDF and PNG, drawn from tables alone.

INPUTS   results/samples/cut_flow_{sample}.parquet, results/phase_space/membership/{sample}.json
         results/maps/{sample}/map_{map}.parquet
OUTPUTS  results/figures/{sample}/cut_flow.pdf, map_{map}-{quantity}.pdf, profile_{map}-{quantity}.pdf, and .png
"""


rule plot_cut_flow:
    """The cut flow of a sample as a flow chart."""
    input:
        cut_flow="results/samples/cut_flow_{sample}.parquet",
        membership=membership_summary,
    output:
        pdf="results/figures/{sample}/cut_flow.pdf",
        png=report(
            "results/figures/{sample}/cut_flow.png",
            caption="../report/cut_flow.rst",
            category="{sample}",
            subcategory="cut flow",
        ),
    params:
        title=of_sample("title"),
        dpi=config["figures"]["dpi"],
        library=library("plot_cut_flow"),
    log:
        "logs/plot_cut_flow/{sample}.log",
    benchmark:
        "benchmarks/plot_cut_flow/{sample}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_cut_flow.py"


rule plot_map:
    """One quantity on a map: mean, dispersion, error of the mean, and counts."""
    input:
        cells="results/maps/{sample}/map_{map}.parquet",
        overdensity=overdensity_over_map,
        arms=(str(ROOT / "resources/reid2019_arms.csv") if config["figures"]["arms"] else []),
    output:
        pdf="results/figures/{sample}/map_{map}-{quantity}.pdf",
        png=report(
            "results/figures/{sample}/map_{map}-{quantity}.png",
            caption="../report/map.rst",
            category="{sample}",
            subcategory="map {map}",
            labels={"quantity": "{quantity}"},
        ),
    params:
        quantity=lambda wildcards: wildcards.quantity,
        R0_kpc=lambda wildcards: solar_set(wildcards)["R0_kpc"],
        z_sun_kpc=lambda wildcards: solar_set(wildcards)["z_sun_kpc"],
        title=of_sample("title"),
        objects=of_sample("objects"),
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_map"),
    log:
        "logs/plot_map/{sample}/{map}-{quantity}.log",
    benchmark:
        "benchmarks/plot_map/{sample}/{map}-{quantity}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_map.py"


rule plot_profile:
    """One quantity against one coordinate, with its error and dispersion."""
    input:
        profile="results/maps/{sample}/map_{map}.parquet",
        density=density_map,
    output:
        pdf="results/figures/{sample}/profile_{map}-{quantity}.pdf",
        png=report(
            "results/figures/{sample}/profile_{map}-{quantity}.png",
            caption="../report/profile.rst",
            category="{sample}",
            subcategory="profile {map}",
            labels={"quantity": "{quantity}"},
        ),
    params:
        quantity=lambda wildcards: wildcards.quantity,
        R0_kpc=lambda wildcards: solar_set(wildcards)["R0_kpc"],
        title=of_sample("title"),
        objects=of_sample("objects"),
        dpi=config["figures"]["dpi"],
        library=library("plot_profile"),
    log:
        "logs/plot_profile/{sample}/{map}-{quantity}.log",
    benchmark:
        "benchmarks/plot_profile/{sample}/{map}-{quantity}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_profile.py"


include: "figures_catalogue.smk"
include: "figures_velocity_field.smk"
include: "figures_gradients.smk"
include: "figures_chemistry.smk"
include: "figures_spirals.smk"
include: "figures_spiral_mocks.smk"
include: "figures_models.smk"
include: "figures_orbits.smk"
include: "figures_spiral_modes.smk"
include: "figures_young_stars.smk"
include: "figures_ages.smk"
