"""Six-dimensional phase space with propagated errors, and what its velocities say of each star.

INPUTS   results/samples/{sample}.parquet
OUTPUTS  results/phase_space/{sample}.parquet, results/phase_space/membership/{sample}.parquet and .json
"""


rule convert_phase_space:
    """Positions and velocities in the Galaxy's frame, with errors and their correlations."""
    input:
        stars="results/samples/{sample}.parquet",
    output:
        phase_space="results/phase_space/{sample}.parquet",
    params:
        sun=solar_set,
        distance_estimator=of_sample("distance"),
        error_method=of_sample("errors"),
        n_draws=of_sample("n_draws"),
        correlations=of_sample("correlations"),
        keep_columns=of_sample("keep_columns"),
        seed=config["seed"],
        library=library("convert_phase_space"),
    log:
        "logs/convert_phase_space/{sample}.log",
    benchmark:
        "benchmarks/convert_phase_space/{sample}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/phase_space.yaml"
    script:
        "../scripts/convert_phase_space.py"


rule estimate_membership:
    """Probabilities that a star belongs to thin disc, thick disc or halo."""
    input:
        stars="results/phase_space/{sample}.parquet",
    output:
        membership="results/phase_space/membership/{sample}.parquet",
        summary="results/phase_space/membership/{sample}.json",
    params:
        set=of_membership("set"),
        ellipsoids=of_membership("ellipsoids"),
        frame=of_membership("frame"),
        v_c_kms=of_membership("v_c_kms"),
        v_c_slope=of_membership("v_c_slope"),
        max_halo_probability=of_membership("max_halo_probability"),
        n_published=lambda wildcards: membership_of(wildcards.sample)["n_published"].get(wildcards.sample),
        R0_kpc=lambda wildcards: solar_set(wildcards)["R0_kpc"],
        library=library("estimate_membership"),
    log:
        "logs/estimate_membership/{sample}.log",
    benchmark:
        "benchmarks/estimate_membership/{sample}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=1500,
    conda:
        "../../envs/phase_space.yaml"
    script:
        "../scripts/estimate_membership.py"


include: "phase_space_orbits.smk"
include: "phase_space_ages.smk"
