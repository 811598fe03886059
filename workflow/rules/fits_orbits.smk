"""Orbits in a barred model: of the Sun, and of associations that are traced back.

INPUTS   results/fits/barred_models/{model}/barred_model.json, results/galaxies/potential_*_{potential}.parquet, results/fits/{source}/spiral_posterior_{posterior}.parquet
OUTPUTS  results/fits/solar_orbit_{solar_orbit}.parquet and .json, trace_{trace}.parquet and .json
"""


rule predict_solar_orbit:
    """The orbit of the Sun with and without bar and spirals, and the surface density along it."""
    input:
        model=lambda wildcards: model_file(of_solar_orbit("model")(wildcards)),
        plane=lambda wildcards: plane_table_of(of_solar_orbit("model")(wildcards)),
        grid=lambda wildcards: plane_table_of(of_solar_orbit("model")(wildcards), "grid"),
        posterior=lambda wildcards: draws_of(of_solar_orbit("model")(wildcards)),
    output:
        solar_orbit="results/fits/solar_orbit_{solar_orbit}.parquet",
        summary="results/fits/solar_orbit_{solar_orbit}.json",
    params:
        sun=lambda wildcards: config["sun"][of_solar_orbit("sun")(wildcards)],
        time_limits_Gyr=of_solar_orbit("time_limits_Gyr"),
        step_Gyr=of_solar_orbit("step_Gyr"),
        bar_height_kpc=of_solar_orbit("bar_height_kpc"),
        n_draws=of_solar_orbit("n_draws"),
        cut_offs=lambda wildcards: choice_of_cut_offs(of_solar_orbit("model")(wildcards)),
        library=library("predict_solar_orbit"),
    log:
        "logs/predict_solar_orbit/{solar_orbit}.log",
    benchmark:
        "benchmarks/predict_solar_orbit/{solar_orbit}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/predict_solar_orbit.py"


rule predict_trace:
    """Associations followed forward with bar and spirals, and traced back with and without."""
    input:
        model=lambda wildcards: model_file(of_trace("model")(wildcards)),
        plane=lambda wildcards: plane_table_of(of_trace("model")(wildcards)),
    output:
        trace_table="results/fits/trace_{trace}.parquet",
        summary="results/fits/trace_{trace}.json",
    params:
        places_kpc=of_trace("places_kpc"),
        n_stars=of_trace("n_stars"),
        sigma_kpc=of_trace("sigma_kpc"),
        sigma_kms=of_trace("sigma_kms"),
        duration_Myr=of_trace("duration_Myr"),
        n_times=of_trace("n_times"),
        seed=config["seed"],
        library=library("predict_trace"),
    log:
        "logs/predict_trace/{trace}.log",
    benchmark:
        "benchmarks/predict_trace/{trace}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=1000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/predict_trace.py"


rule export_barred_potential:
    """The potential of a model, and draws of its posterior, for AGAMA, galpy and gala."""
    input:
        model="results/fits/barred_models/{model}/barred_model.json",
        plane=plane_of_model,
        grid=lambda wildcards: plane_table_of(wildcards.model, "grid"),
        posterior=lambda wildcards: draws_of(wildcards.model),
    output:
        record="results/fits/barred_models/{model}/barred_potential.json",
        loader="results/fits/barred_models/{model}/barred_potential.py",
        agama="results/fits/barred_models/{model}/barred_potential.ini",
    params:
        cut_offs=lambda wildcards: choice_of_cut_offs(wildcards.model),
        n_draws=100,
        seed=config["seed"],
        library=library("export_barred_potential"),
    log:
        "logs/export_barred_potential/{model}.log",
    benchmark:
        "benchmarks/export_barred_potential/{model}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=1500,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/export_barred_potential.py"
