"""Fits: the Taylor expansion of the velocity field, and what follows from it.

INPUTS   results/maps/{sample}/phase_space_cells_{field}.parquet, results/phase_space and results/samples
OUTPUTS  results/fits/{sample}/velocity_field_{field}.parquet
         results/fits/{sample}/rotation_curve_{field}.parquet, results/fits/{sample}/oort_{field}.json
"""


rule fit_velocity_field:
    """Value, first and second derivatives of the mean velocity at every node of a grid, with errors."""
    input:
        cells="results/maps/{sample}/phase_space_cells_{field}.parquet",
    output:
        field="results/fits/{sample}/velocity_field_{field}.parquet",
    params:
        radii_kpc=of_field("radii_kpc"),
        half_width_kpc=of_field("half_width_kpc"),
        spacing_kpc=of_field("spacing_kpc"),
        R_min_kpc=of_field("R_min_kpc"),
        min_fit=of_field("min_fit"),
        min_trust=of_field("min_trust"),
        max_condition=of_field("max_condition"),
        weighted=of_field("weighted"),
        errors=of_field("errors"),
        R0_kpc=lambda wildcards: solar_set(wildcards)["R0_kpc"],
        z_sun_kpc=lambda wildcards: solar_set(wildcards)["z_sun_kpc"],
        library=library("fit_velocity_field"),
    log:
        "logs/fit_velocity_field/{sample}/{field}.log",
    benchmark:
        "benchmarks/fit_velocity_field/{sample}/{field}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=lambda wildcards: 2000 if of_field("cell_kpc")(wildcards) else 8000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/fit_velocity_field.py"


rule fit_rotation_curve:
    """Four rotation curves, the one corrected for asymmetric drift, and Oort's constants by three routes."""
    input:
        field="results/fits/{sample}/velocity_field_{field}.parquet",
        cells="results/maps/{sample}/phase_space_cells_{field}.parquet",
        phase_space="results/phase_space/{sample}.parquet",
        sample="results/samples/{sample}.parquet",
    output:
        curve="results/fits/{sample}/rotation_curve_{field}.parquet",
        oort="results/fits/{sample}/rotation_curve_{field}.json",
    params:
        radius_kpc=of_field("radius_kpc"),
        R_limits_kpc=of_field("R_limits_kpc"),
        R_step_kpc=of_field("R_step_kpc"),
        phi_max_deg=of_field("phi_max_deg"),
        density_scale_kpc=of_field("density_scale_kpc"),
        dispersion_scale_kpc=of_field("dispersion_scale_kpc"),
        distance_limits_kpc=of_field("distance_limits_kpc"),
        b_max_deg=of_field("b_max_deg"),
        R0_kpc=lambda wildcards: solar_set(wildcards)["R0_kpc"],
        library=library("fit_rotation_curve"),
    log:
        "logs/fit_rotation_curve/{sample}/{field}.log",
    benchmark:
        "benchmarks/fit_rotation_curve/{sample}/{field}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2500,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/fit_rotation_curve.py"


include: "fits_chemistry.smk"
include: "fits_spirals.smk"
include: "fits_tables.smk"
include: "fits_models.smk"
include: "fits_disc_maps.smk"
include: "fits_ridges.smk"
include: "fits_orbits.smk"
include: "fits_spiral_modes.smk"
include: "fits_posteriors.smk"
include: "fits_young_stars.smk"
