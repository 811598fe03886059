"""Models with a bar and spirals as one file each, and what they imply at one place.

INPUTS   the config, results/fits/{source}/spiral_modes_{fit}.json, results/galaxies/potential_plane_{potential}.parquet
OUTPUTS  results/fits/barred_models/{model}/barred_model.json, velocity_plane_{plane}*.parquet, angular_momentum_{momentum}.parquet
"""


rule tabulate_barred_model:
    """One model as a file: of the config, or the best of a fit; with its resonances and contrasts."""
    input:
        plane=plane_of_model,
        fit=fit_of_model,
    output:
        table="results/fits/barred_models/{model}/barred_model.json",
    params:
        potential=lambda wildcards: potential_of(wildcards.model),
        entries=entries_of_model,
        R0_kpc=lambda wildcards: radius_of_model(wildcards.model),
        library=library("tabulate_barred_model"),
    log:
        "logs/tabulate_barred_model/{model}.log",
    benchmark:
        "benchmarks/tabulate_barred_model/{model}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/tabulate_barred_model.py"


rule predict_velocity_plane:
    """The distribution of velocities and of actions at one place, and the resonances of the bar."""
    input:
        model="results/fits/barred_models/{model}/barred_model.json",
        potential=plane_of_model,
        counts=plane_counts,
    output:
        table="results/fits/barred_models/{model}/velocity_plane_{plane}.parquet",
        lines="results/fits/barred_models/{model}/velocity_plane_{plane}_lines.parquet",
        actions="results/fits/barred_models/{model}/velocity_plane_{plane}_actions.parquet",
        summary="results/fits/barred_models/{model}/velocity_plane_{plane}.json",
    params:
        R_kpc=of_plane("R_kpc"),
        phi_deg=of_plane("phi_deg"),
        v_R_kms=of_plane("v_R_kms"),
        v_phi_kms=of_plane("v_phi_kms"),
        L_z_kpc_kms=of_plane("L_z_kpc_kms"),
        J_R_kpc_kms=of_plane("J_R_kpc_kms"),
        accuracy=of_plane("accuracy"),
        resonances=of_plane("resonances"),
        library=library("predict_velocity_plane"),
    log:
        "logs/predict_velocity_plane/{model}/{plane}.log",
    benchmark:
        "benchmarks/predict_velocity_plane/{model}/{plane}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/predict_velocity_plane.py"


rule predict_angular_momentum_plane:
    """The median v_R of a model against azimuth and angular momentum."""
    input:
        model="results/fits/barred_models/{model}/barred_model.json",
        plane=plane_of_model,
    output:
        cells="results/fits/barred_models/{model}/angular_momentum_plane_{momentum}.parquet",
    params:
        phi_deg=of_momentum("phi_deg"),
        L_z_kpc_kms=of_momentum("L_z_kpc_kms"),
        window_kpc=of_momentum("window_kpc"),
        R_step_kpc=of_momentum("R_step_kpc"),
        v_R_kms=of_momentum("v_R_kms"),
        v_phi_kms=of_momentum("v_phi_kms"),
        accuracy=of_momentum("accuracy"),
        library=library("predict_angular_momentum_plane"),
    log:
        "logs/predict_angular_momentum_plane/{model}/{momentum}.log",
    benchmark:
        "benchmarks/predict_angular_momentum_plane/{model}/{momentum}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/predict_angular_momentum_plane.py"


rule fit_bar_strip:
    """Pattern speed and age of the bar from stars that move outward fast."""
    input:
        counts=strip_counts,
        model=lambda wildcards: model_file(of_strip("model")(wildcards)),
        potential=lambda wildcards: plane_table_of(of_strip("model")(wildcards)),
    output:
        scan="results/fits/{source}/bar_strip_{strip}.parquet",
        profile="results/fits/{source}/bar_strip_{strip}_profile.parquet",
        summary="results/fits/{source}/bar_strip_{strip}.json",
    params:
        R_kpc=plane_of_strip("R_kpc"),
        phi_deg=plane_of_strip("phi_deg"),
        v_R_kms=of_strip("v_R_kms"),
        width_kms=of_strip("width_kms"),
        v_phi_limits_kms=of_strip("v_phi_limits_kms"),
        smoothing=of_strip("smoothing"),
        Omega_kms_kpc=of_strip("Omega_kms_kpc"),
        turns=of_strip("turns"),
        accuracy=of_strip("accuracy"),
        n_bootstraps=of_strip("n_bootstraps"),
        reference_Omega_kms_kpc=of_strip("reference_Omega_kms_kpc"),
        resonances=of_strip("resonances"),
        seed=config["seed"],
        library=library("fit_bar_strip"),
    wildcard_constraints:
        source=one_of([*config["samples"], *config["published_histograms"]]),
    log:
        "logs/fit_bar_strip/{source}/{strip}.log",
    benchmark:
        "benchmarks/fit_bar_strip/{source}/{strip}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/fit_bar_strip.py"
