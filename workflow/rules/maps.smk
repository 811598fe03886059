"""Binned moments and likelihoods of the phase space on declared grids, one row per cell.

INPUTS   results/phase_space/{sample}.parquet
OUTPUTS  results/maps/{sample}/map_{map}.parquet
"""


rule bin_map:
    """Counts, medians, means, and likelihood means and dispersions in the cells of a map."""
    input:
        stars="results/phase_space/{sample}.parquet",
    output:
        cells="results/maps/{sample}/map_{map}.parquet",
    params:
        axes=of_map("axes"),
        cell_shape=of_map("cell_shape"),
        cell_size=of_map("cell_size"),
        limits=of_map("limits"),
        selection=of_map("selection"),
        quantities=of_map("quantities"),
        min_stars=of_map("min_stars"),
        estimator=of_map("estimator"),
        library=library("bin_map"),
    log:
        "logs/bin_map/{sample}/{map}.log",
    benchmark:
        "benchmarks/bin_map/{sample}/{map}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2500,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/bin_map.py"
