"""Figures of the metallicity gradients as PDF and PNG, drawn from tables alone.

INPUTS   results/fits/{sample}/metallicity_gradient_{gradient}.parquet and _chains.parquet, results/phase_space, resources
OUTPUTS  results/figures/{sample}/metallicity_gradient_{gradient}-{page}.pdf
         results/figures/gradient_comparison_{gradient}.pdf, and .png
"""


rule plot_metallicity_gradient:
    """The pages of a gradient: slopes beside published ones, posterior lines over the stars, corner plot, models."""
    input:
        gradient="results/fits/{sample}/metallicity_gradient_{gradient}.parquet",
        chains="results/fits/{sample}/metallicity_gradient_{gradient}_chains.parquet",
        stars="results/phase_space/{sample}.parquet",
        membership=disc_members(of_gradient("halo_cut")),
        published=PUBLISHED_GRADIENTS,
    output:
        pdf=expand("results/figures/{{sample}}/metallicity_gradient_{{gradient}}-{page}.pdf", page=GRADIENT_PAGES),
        png=report(
            expand("results/figures/{{sample}}/metallicity_gradient_{{gradient}}-{page}.png", page=GRADIENT_PAGES),
            caption="../report/metallicity_gradient.rst",
            category="{sample}",
            subcategory="metallicity gradient {gradient}",
        ),
    params:
        pages=GRADIENT_PAGES,
        title=of_sample("title"),
        objects=of_sample("objects"),
        dpi=config["figures"]["dpi"],
        library=library("plot_metallicity_gradient"),
    log:
        "logs/plot_metallicity_gradient/{sample}/{gradient}.log",
    benchmark:
        "benchmarks/plot_metallicity_gradient/{sample}/{gradient}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_metallicity_gradient.py"


rule plot_gradient_comparison:
    """One gradient of several samples over each other, with published ones."""
    input:
        gradients=of_samples("results/fits/{sample}/metallicity_gradient_{gradient}.parquet"),
        chains=of_samples("results/fits/{sample}/metallicity_gradient_{gradient}_chains.parquet"),
        stars=of_samples("results/phase_space/{sample}.parquet"),
        memberships=members_of_samples,
        published=PUBLISHED_GRADIENTS,
    output:
        pdf="results/figures/gradient_comparison_{gradient}.pdf",
        png=report(
            "results/figures/gradient_comparison_{gradient}.png",
            caption="../report/gradient_comparison.rst",
            category="comparisons",
            subcategory="metallicity gradient {gradient}",
        ),
    params:
        titles=lambda wildcards: [
            config["samples"][sample]["title"] for sample in samples_of_gradient(wildcards.gradient)
        ],
        objects=lambda wildcards: [
            config["samples"][sample]["objects"] for sample in samples_of_gradient(wildcards.gradient)
        ],
        title=lambda wildcards: f"metallicity gradient: {wildcards.gradient}",
        dpi=config["figures"]["dpi"],
        library=library("plot_gradient_comparison"),
    log:
        "logs/plot_gradient_comparison/{gradient}.log",
    benchmark:
        "benchmarks/plot_gradient_comparison/{gradient}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_gradient_comparison.py"
