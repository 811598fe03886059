"""Orbits of the stars of samples.

INPUTS   results/phase_space/{sample}.parquet, results/fits/barred_models/{model}/barred_model.json, results/galaxies/potential_*_{potential}.parquet
OUTPUTS  results/phase_space/orbits/{sample}.parquet
"""


rule compute_orbits:
    """Actions, radii, eccentricity and height of the orbits of stars, axisymmetric and with bar and spirals, with errors."""
    input:
        stars="results/phase_space/{sample}.parquet",
        model=lambda wildcards: model_file(orbits_of(wildcards.sample)["model"]),
        plane=lambda wildcards: plane_table_of(orbits_of(wildcards.sample)["model"]),
        grid=lambda wildcards: plane_table_of(orbits_of(wildcards.sample)["model"], "grid"),
    output:
        orbits="results/phase_space/orbits/{sample}.parquet",
    params:
        duration_kpc_kms=of_orbits("duration_kpc_kms"),
        radians_per_step=of_orbits("radians_per_step"),
        errors=of_orbits("errors"),
        n_draws=of_orbits("n_draws"),
        seed=config["seed"],
        library=library("compute_orbits"),
    log:
        "logs/compute_orbits/{sample}.log",
    benchmark:
        "benchmarks/compute_orbits/{sample}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=3000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/compute_orbits.py"
