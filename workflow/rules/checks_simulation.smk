"""A simulation held against its truth: star by star, cell by cell, and by gradients.

INPUTS   results/catalogues/truth/{catalogue}.parquet, which no other rules read; results/phase_space, results/maps
OUTPUTS  results/checks/truth_{check}.json, map_truth_{check}.json, gradient_truth_{check}.json, mean_field_{check}.json
"""


rule check_truth:
    """The phase space of a simulated sample against the truth, star by star."""
    input:
        stars=check_input("truths", "results/phase_space/{sample}.parquet"),
        truth=check_input("truths", "results/catalogues/truth/{catalogue}.parquet"),
    output:
        result="results/checks/truth_{check}.json",
    params:
        columns=of_check("truths", "columns"),
        coverage_tolerance=of_check("truths", "coverage_tolerance"),
        bias_tolerance=of_check("truths", "bias_tolerance"),
        library=library("check_truth"),
    wildcard_constraints:
        check=one_of(config["checks"]["truths"]),
    log:
        "logs/check_truth/{check}.log",
    benchmark:
        "benchmarks/check_truth/{check}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/catalogue.yaml"
    script:
        "../scripts/check_truth.py"


rule check_map_truth:
    """Means and dispersions of a map against the truth of the stars in its cells."""
    input:
        cells=check_input("map_truths", "results/maps/{sample}/map_{map}.parquet"),
        stars=check_input("map_truths", "results/phase_space/{sample}.parquet"),
        truth=check_input("map_truths", "results/catalogues/truth/{catalogue}.parquet"),
    output:
        result="results/checks/map_truth_{check}.json",
    params:
        quantity=of_check("map_truths", "quantity"),
        min_stars=of_check("map_truths", "min_stars"),
        max_chi_square=of_check("map_truths", "max_chi_square"),
        max_noise_chi_square=of_check("map_truths", "max_noise_chi_square"),
        library=library("check_map_truth"),
    wildcard_constraints:
        check=one_of(config["checks"]["map_truths"]),
    log:
        "logs/check_map_truth/{check}.log",
    benchmark:
        "benchmarks/check_map_truth/{check}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/check_map_truth.py"


rule check_gradient_truth:
    """The gradient of a profile against that of the true values of its stars."""
    input:
        cells=check_input("gradient_truths", "results/maps/{sample}/map_{map}.parquet"),
        stars=check_input("gradient_truths", "results/phase_space/{sample}.parquet"),
        truth=check_input("gradient_truths", "results/catalogues/truth/{catalogue}.parquet"),
    output:
        result="results/checks/gradient_truth_{check}.json",
    params:
        quantity=of_check("gradient_truths", "quantity"),
        max_deviation=of_check("gradient_truths", "max_deviation"),
        library=library("check_gradient_truth"),
    wildcard_constraints:
        check=one_of(config["checks"]["gradient_truths"]),
    log:
        "logs/check_gradient_truth/{check}.log",
    benchmark:
        "benchmarks/check_gradient_truth/{check}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/check_gradient_truth.py"


rule check_mean_field:
    """A map of an analytic galaxy against the mean field that was put in."""
    input:
        cells=check_input("mean_fields", "results/maps/{sample}/map_{map}.parquet"),
    output:
        result="results/checks/mean_field_{check}.json",
    params:
        model=lambda wildcards: config["galaxies"][
            config["catalogues"][check_input("mean_fields", "{catalogue}")(wildcards)]["galaxy"]
        ],
        quantity=of_check("mean_fields", "quantity"),
        radius_kpc=of_check("mean_fields", "radius_kpc"),
        max_deviation=of_check("mean_fields", "max_deviation"),
        library=library("check_mean_field"),
    wildcard_constraints:
        check=one_of(config["checks"]["mean_fields"]),
    log:
        "logs/check_mean_field/{check}.log",
    benchmark:
        "benchmarks/check_mean_field/{check}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/check_mean_field.py"
