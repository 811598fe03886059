"""Fits of the linear response to a spiral to maps of v_R, with fixed and free pattern speeds.

INPUTS   results/maps/{source}/map_smoothed_{map}.parquet and _covariance.parquet, results/phase_space/{source}.parquet
         or results/maps/{source}/published_map.parquet; results/galaxies/spiral_reduction_{reduction}.parquet
OUTPUTS  results/fits/{source}/spiral_response_{response}.parquet and what follows from it, spiral_scan_{response}.parquet
"""


rule fit_spiral_response:
    """The posterior of a spiral by nested sampling, with evidences, and the map of model and residual."""
    input:
        cells=response_map,
        covariance_table=of_windows("covariance"),
        stars=of_windows("stars"),
        reduction_table=reduction_of_response,
    output:
        posterior="results/fits/{source}/spiral_response_{response}.parquet",
        response_map="results/fits/{source}/spiral_response_{response}_map.parquet",
        summary="results/fits/{source}/spiral_response_{response}.json",
    params:
        pattern_speed_kms_kpc=of_response("pattern_speed_kms_kpc"),
        resonance_margin=of_response("resonance_margin"),
        crowding=of_response("crowding"),
        m=of_response("m"),
        terms=of_response("terms"),
        R_limits_kpc=of_response("R_limits_kpc"),
        scale_length_kpc=of_response("scale_length_kpc"),
        surface_density_msun_kpc2=of_response("surface_density_msun_kpc2"),
        pitch_deg=of_response("pitch_deg"),
        normalisation=of_response("normalisation"),
        scale_height_kpc=of_response("scale_height_kpc"),
        disc_surface_density_msun_kpc2=of_response("disc_surface_density_msun_kpc2"),
        v_c_kms=of_response("v_c_kms"),
        v_c_slope=of_response("v_c_slope"),
        core_kpc=of_response("core_kpc"),
        regularisation=of_response("regularisation"),
        covariance=of_response("covariance"),
        floor_kms=of_response("floor_kms"),
        mean=of_response("mean"),
        parametrisation=of_response("parametrisation"),
        reduction_sigma_R_kms=of_response("reduction_sigma_R_kms"),
        n_live=of_response("n_live"),
        n_posterior=of_response("n_posterior"),
        window_kpc=window_of_source,
        R0_kpc=lambda wildcards: sun_of(wildcards.source)["R0_kpc"],
        seed=config["seed"],
        library=library("fit_spiral_response"),
    log:
        "logs/fit_spiral_response/{source}/{response}.log",
    benchmark:
        "benchmarks/fit_spiral_response/{source}/{response}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/fit_spiral_response.py"


rule fit_spiral_scan:
    """The same fit for fixed pattern speeds, one after the other."""
    input:
        cells=response_map,
        covariance_table=of_windows("covariance"),
        stars=of_windows("stars"),
        reduction_table=reduction_of_response,
    output:
        scan="results/fits/{source}/spiral_scan_{response}.parquet",
    params:
        scan_kms_kpc=of_response("scan_kms_kpc"),
        m=of_response("m"),
        terms=of_response("terms"),
        R_limits_kpc=of_response("R_limits_kpc"),
        scale_length_kpc=of_response("scale_length_kpc"),
        surface_density_msun_kpc2=of_response("surface_density_msun_kpc2"),
        pitch_deg=of_response("pitch_deg"),
        normalisation=of_response("normalisation"),
        scale_height_kpc=of_response("scale_height_kpc"),
        disc_surface_density_msun_kpc2=of_response("disc_surface_density_msun_kpc2"),
        v_c_kms=of_response("v_c_kms"),
        v_c_slope=of_response("v_c_slope"),
        core_kpc=of_response("core_kpc"),
        regularisation=of_response("regularisation"),
        covariance=of_response("covariance"),
        floor_kms=of_response("floor_kms"),
        mean=of_response("mean"),
        parametrisation=of_response("parametrisation"),
        reduction_sigma_R_kms=of_response("reduction_sigma_R_kms"),
        n_live=of_response("n_live"),
        n_posterior=of_response("n_posterior"),
        window_kpc=window_of_source,
        R0_kpc=lambda wildcards: sun_of(wildcards.source)["R0_kpc"],
        seed=config["seed"],
        library=library("fit_spiral_scan"),
    log:
        "logs/fit_spiral_scan/{source}/{response}.log",
    benchmark:
        "benchmarks/fit_spiral_scan/{source}/{response}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/fit_spiral_scan.py"


rule predict_spiral_response:
    """What a fit implies: maps for other parameters, degeneracies, the spread of v_R, the loci of the arms."""
    input:
        posterior="results/fits/{source}/spiral_response_{response}.parquet",
        cells=response_map,
        covariance_table=of_windows("covariance"),
        stars=of_windows("stars"),
        reduction_table=reduction_of_response,
    output:
        gallery_table="results/fits/{source}/spiral_response_{response}_gallery.parquet",
        degeneracy="results/fits/{source}/spiral_response_{response}_degeneracy.parquet",
        profile="results/fits/{source}/spiral_response_{response}_profile.parquet",
        loci="results/fits/{source}/spiral_response_{response}_loci.parquet",
    params:
        gallery_values=of_response("gallery"),
        gallery_limits_kpc=of_response("gallery_limits_kpc"),
        gallery_spacing_kpc=of_response("gallery_spacing_kpc"),
        degeneracy_points=of_response("degeneracy_points"),
        profile_step_kpc=of_response("profile_step_kpc"),
        seed=config["seed"],
        library=library("predict_spiral_response"),
    log:
        "logs/predict_spiral_response/{source}/{response}.log",
    benchmark:
        "benchmarks/predict_spiral_response/{source}/{response}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/predict_spiral_response.py"
