"""The stars of samples in the cells of models, and published histograms of velocities.

INPUTS   results/phase_space/{sample}.parquet, your .npy files
OUTPUTS  results/maps/{sample}/velocity_plane_{plane}.parquet, disc_map_{disc_map}.parquet, angular_momentum_{momentum}.parquet, results/maps/{histogram}/published_histogram.parquet
"""


rule bin_velocity_plane:
    """Counts of the velocities of stars near one place."""
    input:
        stars="results/phase_space/{sample}.parquet",
    output:
        table="results/maps/{sample}/velocity_plane_{plane}.parquet",
    params:
        R_kpc=of_plane("R_kpc"),
        phi_deg=of_plane("phi_deg"),
        radius_kpc=of_plane("radius_kpc"),
        height_kpc=of_plane("height_kpc"),
        v_R_kms=of_plane("v_R_kms"),
        v_phi_kms=of_plane("v_phi_kms"),
        library=library("bin_velocity_plane"),
    log:
        "logs/bin_velocity_plane/{sample}/{plane}.log",
    benchmark:
        "benchmarks/bin_velocity_plane/{sample}/{plane}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=1500,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/bin_velocity_plane.py"


rule clean_published_histogram:
    """A ready-made histogram of velocities as a table."""
    input:
        values=lambda wildcards: numpy_file(of_histogram("path")(wildcards)),
    output:
        table="results/maps/{histogram}/published_histogram.parquet",
    params:
        v_R_kms=of_histogram("v_R_kms"),
        v_phi_kms=of_histogram("v_phi_kms"),
        index=of_histogram("index"),
        citation=of_histogram("citation"),
        library=library("clean_published_histogram"),
    log:
        "logs/clean_published_histogram/{histogram}.log",
    benchmark:
        "benchmarks/clean_published_histogram/{histogram}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/clean_published_histogram.py"


rule bin_disc_map:
    """Medians of the velocities and radial actions of stars in cells of the disc."""
    input:
        stars="results/phase_space/{sample}.parquet",
        plane=lambda wildcards: plane_table_of(of_disc_map("models")(wildcards)[0]),
    output:
        cells="results/maps/{sample}/disc_map_{disc_map}.parquet",
    params:
        limits_kpc=of_disc_map("limits_kpc"),
        spacing_kpc=of_disc_map("spacing_kpc"),
        v_R_kms=of_disc_map("v_R_kms"),
        v_phi_kms=of_disc_map("v_phi_kms"),
        velocity_cut=of_disc_map("velocity_cut"),
        selection=of_disc_map("selection"),
        min_stars=of_disc_map("min_stars"),
        library=library("bin_disc_map"),
    log:
        "logs/bin_disc_map/{sample}/{disc_map}.log",
    benchmark:
        "benchmarks/bin_disc_map/{sample}/{disc_map}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/bin_disc_map.py"


rule bin_angular_momentum_plane:
    """Median v_R of stars against azimuth and angular momentum."""
    input:
        stars="results/phase_space/{sample}.parquet",
    output:
        cells="results/maps/{sample}/angular_momentum_plane_{momentum}.parquet",
    params:
        phi_deg=of_momentum("phi_deg"),
        L_z_kpc_kms=of_momentum("L_z_kpc_kms"),
        window_kpc=of_momentum("window_kpc"),
        v_R_kms=of_momentum("v_R_kms"),
        v_phi_kms=of_momentum("v_phi_kms"),
        velocity_cut=of_momentum("velocity_cut"),
        selection=of_momentum("selection"),
        min_stars=of_momentum("min_stars"),
        library=library("bin_angular_momentum_plane"),
    log:
        "logs/bin_angular_momentum_plane/{sample}/{momentum}.log",
    benchmark:
        "benchmarks/bin_angular_momentum_plane/{sample}/{momentum}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/bin_angular_momentum_plane.py"
