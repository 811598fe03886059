"""Backward integration against published medians, and against particles integrated forward.

INPUTS   results/fits/barred_models/{model}/barred_model.json, results/galaxies/barred_mock_{mock}_map.parquet
OUTPUTS  results/checks/backward_model_{check}.json, barred_mock_{check}.json
"""


rule check_backward_model:
    """Medians of v_R at given places, in two settings, and without bar and spirals."""
    input:
        model=lambda wildcards: model_file(of_check("backward_models", "model")(wildcards)),
        plane=lambda wildcards: plane_table_of(of_check("backward_models", "model")(wildcards)),
    output:
        result="results/checks/backward_model_{check}.json",
    params:
        v_R_kms=of_check("backward_models", "v_R_kms"),
        v_phi_kms=of_check("backward_models", "v_phi_kms"),
        points=of_check("backward_models", "points"),
        definition=of_check("backward_models", "definition"),
        tolerance_kms=of_check("backward_models", "tolerance_kms"),
        accuracy_tolerance_kms=of_check("backward_models", "accuracy_tolerance_kms"),
        unperturbed_tolerance_kms=of_check("backward_models", "unperturbed_tolerance_kms"),
        source=of_check("backward_models", "source"),
        library=library("check_backward_model"),
    log:
        "logs/check_backward_model/{check}.log",
    benchmark:
        "benchmarks/check_backward_model/{check}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=1500,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/check_backward_model.py"


rule check_barred_mock:
    """The map of a mock against backward integration."""
    input:
        cells=lambda wildcards: f"results/galaxies/barred_mock_{mock_of(wildcards)}_map.parquet",
        model=lambda wildcards: model_file(config["barred_mocks"][mock_of(wildcards)]["model"]),
        plane=lambda wildcards: plane_table_of(config["barred_mocks"][mock_of(wildcards)]["model"]),
    output:
        result="results/checks/barred_mock_{check}.json",
        compared="results/checks/barred_mock_{check}.parquet",
    params:
        mock=lambda wildcards: config["barred_mocks"][mock_of(wildcards)],
        R_limits_kpc=of_check("barred_mocks", "R_limits_kpc"),
        n_cells=of_check("barred_mocks", "n_cells"),
        places_per_side=of_check("barred_mocks", "places_per_side"),
        accuracy=of_check("barred_mocks", "accuracy"),
        max_deviation=of_check("barred_mocks", "max_deviation"),
        library=library("check_barred_mock"),
    log:
        "logs/check_barred_mock/{check}.log",
    benchmark:
        "benchmarks/check_barred_mock/{check}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/check_barred_mock.py"


rule check_spiral_posterior:
    """How often the intervals of a posterior contain the truth of particles integrated forward."""
    input:
        plane=lambda wildcards: plane_table_of(of_check("spiral_posteriors", "model")(wildcards)),
    output:
        result="results/checks/spiral_posterior_{check}.json",
        intervals="results/checks/spiral_posterior_{check}.parquet",
    params:
        model=lambda wildcards: model_entries(of_check("spiral_posteriors", "model")(wildcards)),
        settings=settings_of_coverage,
        R0_kpc=lambda wildcards: radius_of_model(of_check("spiral_posteriors", "model")(wildcards)),
        seed=config["seed"],
        library=library("check_spiral_posterior"),
    log:
        "logs/check_spiral_posterior/{check}.log",
    benchmark:
        "benchmarks/check_spiral_posterior/{check}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=3000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/check_spiral_posterior.py"
