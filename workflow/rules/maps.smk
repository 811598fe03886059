"""Binned moments and likelihoods of the phase space on declared grids, one row per cell.

INPUTS   results/phase_space/{sample}.parquet, and where named results/phase_space/ages or membership/{sample}.parquet
OUTPUTS  results/maps/{sample}/map_{map}.parquet; of profiles also profile_{map}.csv and .tex
"""


rule bin_map:
    """Counts, medians, means, and likelihood means and dispersions in the cells of a map."""
    input:
        stars="results/phase_space/{sample}.parquet",
        tables=star_tables(of_map),
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


rule tabulate_profile:
    """A map of one axis as tables to publish, CSV and LaTeX."""
    input:
        profile="results/maps/{sample}/map_{map}.parquet",
    output:
        csv="results/maps/{sample}/profile_{map}.csv",
        tex="results/maps/{sample}/profile_{map}.tex",
    params:
        axis=lambda wildcards: config["maps"][wildcards.map]["axes"][0],
        quantities=of_map("quantities"),
        title=of_sample("title"),
        library=library("tabulate_profile"),
    log:
        "logs/tabulate_profile/{sample}/{map}.log",
    benchmark:
        "benchmarks/tabulate_profile/{sample}/{map}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/tabulate_profile.py"


rule bin_phase_space_cells:
    """Mean stars of cubes in space, which the velocity field is fitted to."""
    input:
        stars="results/phase_space/{sample}.parquet",
    output:
        cells="results/maps/{sample}/phase_space_cells_{field}.parquet",
    params:
        cell_kpc=of_field("cell_kpc"),
        min_stars=of_field("min_stars"),
        half_width_kpc=of_field("half_width_kpc"),
        Z_max_kpc=of_field("Z_max_kpc"),
        max_speed_kms=of_field("max_speed_kms"),
        R0_kpc=lambda wildcards: solar_set(wildcards)["R0_kpc"],
        library=library("bin_phase_space_cells"),
    log:
        "logs/bin_phase_space_cells/{sample}/{field}.log",
    benchmark:
        "benchmarks/bin_phase_space_cells/{sample}/{field}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/bin_phase_space_cells.py"


include: "maps_smoothed.smk"
include: "maps_models.smk"
