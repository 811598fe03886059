"""Moving groups across the disc, of models and of samples, and which of them belong together.

INPUTS   results/fits/barred_models/{model}/barred_model.json, results/phase_space/{sample}.parquet
OUTPUTS  results/fits/barred_models/{model}/ridges_{ridges}*, results/fits/{sample}/ridges_{ridges}*
"""


rule predict_ridges:
    """The ridges of a model."""
    input:
        model="results/fits/barred_models/{model}/barred_model.json",
        plane=plane_of_model,
    output:
        ridges="results/fits/barred_models/{model}/ridges_{ridges}.parquet",
        density="results/fits/barred_models/{model}/ridges_{ridges}_density.parquet",
        summary="results/fits/barred_models/{model}/ridges_{ridges}.json",
    params:
        R0_kpc=of_ridges("R0_kpc"),
        v_R_kms=of_ridges("v_R_kms"),
        v_R_width_kms=of_ridges("v_R_width_kms"),
        R_limits_kpc=of_ridges("R_limits_kpc"),
        R_width_kpc=of_ridges("R_width_kpc"),
        phi_half_deg=of_ridges("phi_half_deg"),
        phi_limits_deg=of_ridges("phi_limits_deg"),
        phi_width_deg=of_ridges("phi_width_deg"),
        R_half_kpc=of_ridges("R_half_kpc"),
        R_places_kpc=of_ridges("R_places_kpc"),
        phi_places_deg=of_ridges("phi_places_deg"),
        v_R_limits_kms=of_ridges("v_R_limits_kms"),
        v_R_step_kms=of_ridges("v_R_step_kms"),
        v_phi_limits_kms=of_ridges("v_phi_limits_kms"),
        v_phi_step_kms=of_ridges("v_phi_step_kms"),
        scale_kms=of_ridges("scale_kms"),
        min_stars=of_ridges("min_stars"),
        min_significance=of_ridges("min_significance"),
        min_prominence=of_ridges("min_prominence"),
        tolerance_kms=of_ridges("tolerance_kms"),
        max_gap=of_ridges("max_gap"),
        min_places=of_ridges("min_places"),
        R_slopes_kms_kpc=of_ridges("R_slopes_kms_kpc"),
        phi_slopes_kms_deg=of_ridges("phi_slopes_kms_deg"),
        v_R_slopes=of_ridges("v_R_slopes"),
        refinement=of_ridges("refinement"),
        accuracy=of_ridges("accuracy"),
        library=library("predict_ridges"),
    log:
        "logs/predict_ridges/{model}/{ridges}.log",
    benchmark:
        "benchmarks/predict_ridges/{model}/{ridges}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/predict_ridges.py"


rule fit_ridges:
    """The ridges of a sample."""
    input:
        stars="results/phase_space/{sample}.parquet",
    output:
        ridges="results/fits/{sample}/ridges_{ridges}.parquet",
        density="results/fits/{sample}/ridges_{ridges}_density.parquet",
        summary="results/fits/{sample}/ridges_{ridges}.json",
    params:
        R0_kpc=of_ridges("R0_kpc"),
        v_R_kms=of_ridges("v_R_kms"),
        v_R_width_kms=of_ridges("v_R_width_kms"),
        R_limits_kpc=of_ridges("R_limits_kpc"),
        R_width_kpc=of_ridges("R_width_kpc"),
        phi_half_deg=of_ridges("phi_half_deg"),
        phi_limits_deg=of_ridges("phi_limits_deg"),
        phi_width_deg=of_ridges("phi_width_deg"),
        R_half_kpc=of_ridges("R_half_kpc"),
        R_places_kpc=of_ridges("R_places_kpc"),
        phi_places_deg=of_ridges("phi_places_deg"),
        v_R_limits_kms=of_ridges("v_R_limits_kms"),
        v_R_step_kms=of_ridges("v_R_step_kms"),
        v_phi_limits_kms=of_ridges("v_phi_limits_kms"),
        v_phi_step_kms=of_ridges("v_phi_step_kms"),
        scale_kms=of_ridges("scale_kms"),
        min_stars=of_ridges("min_stars"),
        min_significance=of_ridges("min_significance"),
        min_prominence=of_ridges("min_prominence"),
        tolerance_kms=of_ridges("tolerance_kms"),
        max_gap=of_ridges("max_gap"),
        min_places=of_ridges("min_places"),
        R_slopes_kms_kpc=of_ridges("R_slopes_kms_kpc"),
        phi_slopes_kms_deg=of_ridges("phi_slopes_kms_deg"),
        v_R_slopes=of_ridges("v_R_slopes"),
        selection=of_ridges("selection"),
        library=library("fit_ridges"),
    log:
        "logs/fit_ridges/{sample}/{ridges}.log",
    benchmark:
        "benchmarks/fit_ridges/{sample}/{ridges}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/fit_ridges.py"


rule compare_ridges:
    """Which ridges of a sample and of a model belong together, and how they differ."""
    input:
        sample_ridges="results/fits/{sample}/ridges_{ridges}.parquet",
        model_ridges="results/fits/barred_models/{model}/ridges_{ridges}.parquet",
    output:
        comparison="results/fits/{sample}/ridges_{ridges}_{model}.parquet",
        summary="results/fits/{sample}/ridges_{ridges}_{model}.json",
    params:
        min_common=of_ridges("min_common"),
        max_separation_kms=of_ridges("max_separation_kms"),
        library=library("compare_ridges"),
    log:
        "logs/compare_ridges/{sample}/{ridges}_{model}.log",
    benchmark:
        "benchmarks/compare_ridges/{sample}/{ridges}_{model}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/compare_ridges.py"
