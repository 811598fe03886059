"""Figures of the structure of the metallicity in the plane as PDF and PNG, drawn from tables alone.

INPUTS   results/fits/{sample}/metallicity_residual_*.parquet, azimuthal_variation_*, overdensity_comparison_*, resources
OUTPUTS  results/figures/{sample}/metallicity_residual_{residual}.pdf, azimuthal_variation_{variation}.pdf,
         overdensity_comparison_{comparison}.pdf, and .png
"""


rule plot_metallicity_residual:
    """Median metallicity, the gradient, and what it leaves."""
    input:
        residual="results/fits/{sample}/metallicity_residual_{residual}.parquet",
        overdensity=overdensity_behind,
        arms=ARMS,
    output:
        pdf="results/figures/{sample}/metallicity_residual_{residual}.pdf",
        png=report(
            "results/figures/{sample}/metallicity_residual_{residual}.png",
            caption="../report/metallicity_residual.rst",
            category="{sample}",
            subcategory="metallicity residual {residual}",
        ),
    params:
        R0_kpc=lambda wildcards: solar_set(wildcards)["R0_kpc"],
        z_sun_kpc=lambda wildcards: solar_set(wildcards)["z_sun_kpc"],
        title=of_sample("title"),
        objects=of_sample("objects"),
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_metallicity_residual"),
    log:
        "logs/plot_metallicity_residual/{sample}/{residual}.log",
    benchmark:
        "benchmarks/plot_metallicity_residual/{sample}/{residual}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_metallicity_residual.py"


rule plot_azimuthal_variation:
    """Deviations against azimuth in annuli, and the power of each wavenumber."""
    input:
        variation="results/fits/{sample}/azimuthal_variation_{variation}.parquet",
        waves="results/fits/{sample}/azimuthal_variation_{variation}_waves.parquet",
        summary="results/fits/{sample}/azimuthal_variation_{variation}.json",
        arms=ARMS,
    output:
        pdf="results/figures/{sample}/azimuthal_variation_{variation}.pdf",
        png=report(
            "results/figures/{sample}/azimuthal_variation_{variation}.png",
            caption="../report/azimuthal_variation.rst",
            category="{sample}",
            subcategory="azimuthal variation {variation}",
        ),
    params:
        title=of_sample("title"),
        objects=of_sample("objects"),
        dpi=config["figures"]["dpi"],
        library=library("plot_azimuthal_variation"),
    log:
        "logs/plot_azimuthal_variation/{sample}/{variation}.log",
    benchmark:
        "benchmarks/plot_azimuthal_variation/{sample}/{variation}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_azimuthal_variation.py"


rule plot_overdensity_comparison:
    """A density contrast, a map with its contours, and the null distribution of their correlation."""
    input:
        comparison="results/fits/{sample}/overdensity_comparison_{comparison}.parquet",
        summary="results/fits/{sample}/overdensity_comparison_{comparison}.json",
        cells=compared_cells,
        overdensity=lambda wildcards: overdensity_table(of_comparison("overdensity")(wildcards)),
        arms=ARMS,
    output:
        pdf="results/figures/{sample}/overdensity_comparison_{comparison}.pdf",
        png=report(
            "results/figures/{sample}/overdensity_comparison_{comparison}.png",
            caption="../report/overdensity_comparison.rst",
            category="{sample}",
            subcategory="over-density {comparison}",
        ),
    params:
        cell_column=compared_column,
        R0_kpc=lambda wildcards: solar_set(wildcards)["R0_kpc"],
        z_sun_kpc=lambda wildcards: solar_set(wildcards)["z_sun_kpc"],
        title=of_sample("title"),
        objects=of_sample("objects"),
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_overdensity_comparison"),
    log:
        "logs/plot_overdensity_comparison/{sample}/{comparison}.log",
    benchmark:
        "benchmarks/plot_overdensity_comparison/{sample}/{comparison}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_overdensity_comparison.py"
