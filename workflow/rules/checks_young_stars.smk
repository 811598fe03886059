"""Velocities and ages held against the simulated truth.

INPUTS   results/catalogues/velocities/{epochs}.parquet, results/phase_space/ages, results/catalogues/truth/{catalogue}.parquet
OUTPUTS  results/checks/velocities_{check}.json, ages_{check}.json
"""


rule check_velocities:
    """Combined velocities against the true ones of the stars."""
    input:
        velocities=lambda wildcards: f"results/catalogues/velocities/{of_check('velocities', 'epochs')(wildcards)}.parquet",
        truth=lambda wildcards: f"results/catalogues/truth/{config['epochs'][of_check('velocities', 'epochs')(wildcards)]['catalogue']}.parquet",
    output:
        result="results/checks/velocities_{check}.json",
    params:
        coverage_tolerance=of_check("velocities", "coverage_tolerance"),
        bias_tolerance=of_check("velocities", "bias_tolerance"),
        library=library("check_velocities"),
    wildcard_constraints:
        check=one_of(config["checks"]["velocities"]),
    log:
        "logs/check_velocities/{check}.log",
    benchmark:
        "benchmarks/check_velocities/{check}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/check_velocities.py"


rule check_ages:
    """Ages against the true ones of the stars."""
    input:
        ages=check_input("ages", "results/phase_space/ages/{sample}.parquet"),
        posteriors=check_input("ages", "results/phase_space/ages/posteriors/{sample}.parquet"),
        truth=check_input("ages", "results/catalogues/truth/{catalogue}.parquet"),
    output:
        result="results/checks/ages_{check}.json",
    params:
        weighted=of_check("ages", "weighted"),
        coverage_tolerance=of_check("ages", "coverage_tolerance"),
        bias_tolerance=of_check("ages", "bias_tolerance"),
        library=library("check_ages"),
    wildcard_constraints:
        check=one_of(config["checks"]["ages"]),
    log:
        "logs/check_ages/{check}.log",
    benchmark:
        "benchmarks/check_ages/{check}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/phase_space.yaml"
    script:
        "../scripts/check_ages.py"
