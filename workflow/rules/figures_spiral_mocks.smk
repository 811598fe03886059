"""Figures of test particles under a spiral as PDF and PNG, drawn from tables alone.

INPUTS   results/galaxies/spiral_mock_{mock}.parquet and _annuli.parquet, spiral_reduction_{reduction}.parquet
OUTPUTS  results/figures/galaxies/spiral_mock_{mock}.pdf, spiral_reduction_{reduction}.pdf, and .png
"""


rule plot_spiral_mock:
    """Amplitude and phase of test particles against the linear response, by annulus."""
    input:
        particles="results/galaxies/spiral_mock_{mock}.parquet",
        annuli="results/galaxies/spiral_mock_{mock}_annuli.parquet",
    output:
        pdf="results/figures/galaxies/spiral_mock_{mock}.pdf",
        png=report(
            "results/figures/galaxies/spiral_mock_{mock}.png",
            caption="../report/spiral_mock.rst",
            category="galaxies",
            subcategory="spiral mock {mock}",
        ),
    params:
        title=lambda wildcards: f"test particles: {wildcards.mock}",
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_spiral_mock"),
    log:
        "logs/plot_spiral_mock/{mock}.log",
    benchmark:
        "benchmarks/plot_spiral_mock/{mock}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_spiral_mock.py"


rule plot_spiral_reduction:
    """How much less a warm disc responds than a cold one."""
    input:
        reduction="results/galaxies/spiral_reduction_{reduction}.parquet",
    output:
        pdf="results/figures/galaxies/spiral_reduction_{reduction}.pdf",
        png=report(
            "results/figures/galaxies/spiral_reduction_{reduction}.png",
            caption="../report/spiral_reduction.rst",
            category="galaxies",
            subcategory="spiral reduction {reduction}",
        ),
    params:
        pitch_deg=None,
        title=lambda wildcards: f"warm disc: {wildcards.reduction}",
        dpi=config["figures"]["dpi"],
        library=library("plot_spiral_reduction"),
    log:
        "logs/plot_spiral_reduction/{reduction}.log",
    benchmark:
        "benchmarks/plot_spiral_reduction/{reduction}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_spiral_reduction.py"
