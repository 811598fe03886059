"""Fits as tables to publish.

INPUTS   results/fits/{sample}/metallicity_gradient_{gradient}.parquet, results/fits/{source}/spiral_scan_{response}.parquet
OUTPUTS  the same as .csv and .tex
"""


rule tabulate_metallicity_gradient:
    """A metallicity gradient as tables to publish, CSV and LaTeX."""
    input:
        gradient="results/fits/{sample}/metallicity_gradient_{gradient}.parquet",
    output:
        csv="results/fits/{sample}/metallicity_gradient_{gradient}.csv",
        tex="results/fits/{sample}/metallicity_gradient_{gradient}.tex",
    params:
        title=of_sample("title"),
        library=library("tabulate_metallicity_gradient"),
    log:
        "logs/tabulate_metallicity_gradient/{sample}/{gradient}.log",
    benchmark:
        "benchmarks/tabulate_metallicity_gradient/{sample}/{gradient}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/tabulate_metallicity_gradient.py"


rule tabulate_spiral_scan:
    """A scan of pattern speeds as tables to publish, CSV and LaTeX."""
    input:
        scan="results/fits/{source}/spiral_scan_{response}.parquet",
    output:
        csv="results/fits/{source}/spiral_scan_{response}.csv",
        tex="results/fits/{source}/spiral_scan_{response}.tex",
    params:
        title=lambda wildcards: title_of(wildcards.source),
        library=library("tabulate_spiral_scan"),
    log:
        "logs/tabulate_spiral_scan/{source}/{response}.log",
    benchmark:
        "benchmarks/tabulate_spiral_scan/{source}/{response}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/tabulate_spiral_scan.py"
