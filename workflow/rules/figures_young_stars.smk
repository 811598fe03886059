"""Figures of hot stars and their velocities as PDF and PNG, drawn from tables alone.

INPUTS   results/samples/spectral_classes_{sample}.parquet, results/fits/{sample}
OUTPUTS  results/figures/{sample}/kiel_diagram.pdf, column_comparison_{columns}.pdf, binaries_{binaries}.pdf, and .png
"""


rule plot_binaries:
    """Velocities of single stars and binaries about their true ones."""
    input:
        binaries="results/fits/{sample}/binaries_{binaries}.parquet",
        summary="results/fits/{sample}/binaries_{binaries}.json",
    output:
        pdf="results/figures/{sample}/binaries_{binaries}.pdf",
        png=report(
            "results/figures/{sample}/binaries_{binaries}.png",
            caption="../report/binaries.rst",
            category="{sample}",
            subcategory="binaries {binaries}",
        ),
    params:
        title=of_sample("title"),
        objects=of_sample("objects"),
        dpi=config["figures"]["dpi"],
        library=library("plot_binaries"),
    log:
        "logs/plot_binaries/{sample}/{binaries}.log",
    benchmark:
        "benchmarks/plot_binaries/{sample}/{binaries}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_binaries.py"


rule plot_kiel_diagram:
    """Kiel diagram of a sample before its catalogue, with spectral classes."""
    input:
        classes="results/samples/spectral_classes_{sample}.parquet",
        kiel="results/samples/spectral_classes_{sample}_kiel.parquet",
    output:
        pdf="results/figures/{sample}/kiel_diagram.pdf",
        png=report(
            "results/figures/{sample}/kiel_diagram.png",
            caption="../report/kiel_diagram.rst",
            category="{sample}",
            subcategory="kiel diagram",
        ),
    params:
        title=of_sample("title"),
        objects=of_sample("objects"),
        dpi=config["figures"]["dpi"],
        library=library("plot_kiel_diagram"),
    log:
        "logs/plot_kiel_diagram/{sample}.log",
    benchmark:
        "benchmarks/plot_kiel_diagram/{sample}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_kiel_diagram.py"


rule plot_toomre_diagram:
    """Toomre diagram of a sample with the cut on disc kinematics."""
    input:
        stars="results/phase_space/{sample}.parquet",
    output:
        pdf="results/figures/{sample}/toomre_diagram.pdf",
        png=report(
            "results/figures/{sample}/toomre_diagram.png",
            caption="../report/toomre_diagram.rst",
            category="{sample}",
            subcategory="toomre diagram",
        ),
    params:
        V_reference_kms=of_toomre("V_reference_kms"),
        V_limits_kms=of_toomre("V_limits_kms"),
        UW_max_kms=of_toomre("UW_max_kms"),
        selection=of_toomre("selection"),
        limits_kms=of_toomre("limits_kms"),
        bin_kms=of_toomre("bin_kms"),
        title=of_sample("title"),
        objects=of_sample("objects"),
        dpi=config["figures"]["dpi"],
        library=library("plot_toomre_diagram"),
    log:
        "logs/plot_toomre_diagram/{sample}.log",
    benchmark:
        "benchmarks/plot_toomre_diagram/{sample}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_toomre_diagram.py"


rule plot_column_comparison:
    """Two measurements of the same thing against each other."""
    input:
        comparison="results/fits/{sample}/columns_{columns}.parquet",
        histogram="results/fits/{sample}/columns_{columns}_histogram.parquet",
    output:
        pdf="results/figures/{sample}/column_comparison_{columns}.pdf",
        png=report(
            "results/figures/{sample}/column_comparison_{columns}.png",
            caption="../report/column_comparison.rst",
            category="{sample}",
            subcategory="comparison {columns}",
        ),
    params:
        titles=lambda wildcards: [pair["title"] for pair in of_columns("pairs")(wildcards)],
        title=of_sample("title"),
        objects=of_sample("objects"),
        dpi=config["figures"]["dpi"],
        library=library("plot_column_comparison"),
    log:
        "logs/plot_column_comparison/{sample}/{columns}.log",
    benchmark:
        "benchmarks/plot_column_comparison/{sample}/{columns}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_column_comparison.py"
