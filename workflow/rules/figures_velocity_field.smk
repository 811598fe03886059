"""Figures of the velocity fields as PDF and PNG, drawn from tables alone.

INPUTS   results/fits/{sample}/velocity_field_{field}.parquet, rotation_curve_{field}.parquet and .json, resources
OUTPUTS  results/figures/{sample}/velocity_field_{field}-{page}.pdf, rotation_curve_{field}.pdf, and .png
"""


rule plot_velocity_field:
    """The pages of a velocity field: maps of coefficients and errors, Oort's constants, differences, significance, profiles."""
    input:
        field="results/fits/{sample}/velocity_field_{field}.parquet",
    output:
        pdf=expand("results/figures/{{sample}}/velocity_field_{{field}}-{page}.pdf", page=PAGES),
        png=report(
            expand("results/figures/{{sample}}/velocity_field_{{field}}-{page}.png", page=PAGES),
            caption="../report/velocity_field.rst",
            category="{sample}",
            subcategory="velocity field {field}",
        ),
    params:
        pages=PAGES,
        radius_kpc=of_field("radius_kpc"),
        title=of_sample("title"),
        objects=of_sample("objects"),
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_velocity_field"),
    log:
        "logs/plot_velocity_field/{sample}/{field}.log",
    benchmark:
        "benchmarks/plot_velocity_field/{sample}/{field}.tsv"
    threads: 1
    resources:
        mem_mb=2500,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_velocity_field.py"


rule plot_rotation_curve:
    """Rotation curves and Oort's constants at the Sun beside the published ones."""
    input:
        curve="results/fits/{sample}/rotation_curve_{field}.parquet",
        oort="results/fits/{sample}/rotation_curve_{field}.json",
        akhmetov_curves=str(ROOT / "resources/akhmetov2024_rotation_curves.csv"),
        akhmetov_oort=str(ROOT / "resources/akhmetov2024_oort.csv"),
        bovy_oort=str(ROOT / "resources/bovy2017_oort.csv"),
        eilers=str(ROOT / "resources/eilers2019_rotation_curve.csv"),
    output:
        pdf="results/figures/{sample}/rotation_curve_{field}.pdf",
        png=report(
            "results/figures/{sample}/rotation_curve_{field}.png",
            caption="../report/rotation_curve.rst",
            category="{sample}",
            subcategory="velocity field {field}",
        ),
    params:
        R0_kpc=lambda wildcards: solar_set(wildcards)["R0_kpc"],
        title=of_sample("title"),
        objects=of_sample("objects"),
        dpi=config["figures"]["dpi"],
        library=library("plot_rotation_curve"),
    log:
        "logs/plot_rotation_curve/{sample}/{field}.log",
    benchmark:
        "benchmarks/plot_rotation_curve/{sample}/{field}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_rotation_curve.py"
