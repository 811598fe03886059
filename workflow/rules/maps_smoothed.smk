"""Smoothed and ready-made maps: means in overlapping windows, density contrasts, arrays of yours.

INPUTS   results/phase_space/{sample}.parquet, your .npy files
OUTPUTS  results/maps/{sample}/map_smoothed_{smoothed}.parquet and _covariance.parquet, overdensity_{overdensity}.parquet
         results/maps/{published}/published_map.parquet
"""


rule smooth_map:
    """Means in overlapping windows by extreme deconvolution, with bootstrap errors and their correlations."""
    input:
        stars="results/phase_space/{sample}.parquet",
    output:
        cells="results/maps/{sample}/map_smoothed_{smoothed}.parquet",
        covariance_table="results/maps/{sample}/map_smoothed_{smoothed}_covariance.parquet",
    params:
        quantities=of_smoothed("quantities"),
        limits_kpc=of_smoothed("limits_kpc"),
        spacing_kpc=of_smoothed("spacing_kpc"),
        window_kpc=of_smoothed("window_kpc"),
        selection=of_smoothed("selection"),
        min_stars=of_smoothed("min_stars"),
        n_bootstraps=of_smoothed("n_bootstraps"),
        seed=config["seed"],
        library=library("smooth_map"),
    log:
        "logs/smooth_map/{sample}/{smoothed}.log",
    benchmark:
        "benchmarks/smooth_map/{sample}/{smoothed}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=3000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/smooth_map.py"


rule smooth_overdensity:
    """Density within a narrow kernel over that within a wide one, less 1."""
    input:
        stars="results/phase_space/{sample}.parquet",
        tables=star_tables(of_overdensity),
    output:
        overdensity="results/maps/{sample}/overdensity_{overdensity}.parquet",
    params:
        limits_kpc=of_overdensity("limits_kpc"),
        spacing_kpc=of_overdensity("spacing_kpc"),
        local_kpc=of_overdensity("local_kpc"),
        mean_kpc=of_overdensity("mean_kpc"),
        kernel=of_overdensity("kernel"),
        dimensions=of_overdensity("dimensions"),
        Z_limits_kpc=of_overdensity("Z_limits_kpc"),
        min_density_share_per_kpc2=of_overdensity("min_density_share_per_kpc2"),
        selection=of_overdensity("selection"),
        library=library("smooth_overdensity"),
    log:
        "logs/smooth_overdensity/{sample}/{overdensity}.log",
    benchmark:
        "benchmarks/smooth_overdensity/{sample}/{overdensity}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=1500,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/smooth_overdensity.py"


rule clean_published_map:
    """A ready-made map in the frame of the atlas, with its stated errors."""
    input:
        values=lambda wildcards: numpy_file(of_published("path")(wildcards)),
        x_file=axis_file("x_kpc"),
        y_file=axis_file("y_kpc"),
    output:
        table="results/maps/{published}/published_map.parquet",
    params:
        quantity=of_published("quantity"),
        x_kpc=axis_values("x_kpc"),
        y_kpc=axis_values("y_kpc"),
        frame=of_published("frame"),
        index=of_published("index"),
        no_data=of_published("no_data"),
        error=of_published("error"),
        correlation_kpc=of_published("correlation_kpc"),
        citation=of_published("citation"),
        R0_kpc=lambda wildcards: sun_of(wildcards.published)["R0_kpc"],
        library=library("clean_published_map"),
    log:
        "logs/clean_published_map/{published}.log",
    benchmark:
        "benchmarks/clean_published_map/{published}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/clean_published_map.py"
