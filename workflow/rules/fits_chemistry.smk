"""Fits of the metallicity: gradients, what they leave, azimuthal variations, and whether they follow the density.

INPUTS   results/phase_space/{sample}.parquet, results/phase_space/membership/{sample}.parquet, results/maps
OUTPUTS  results/fits/{sample}/metallicity_gradient_{gradient}.parquet, metallicity_residual_{residual}.parquet,
         azimuthal_variation_{variation}.parquet, overdensity_comparison_{comparison}.parquet, and what goes with them
"""


rule fit_metallicity_gradient:
    """Slopes of the metallicity in bins with errors in both coordinates and intrinsic scatter, with their chains."""
    input:
        stars="results/phase_space/{sample}.parquet",
        membership=disc_members(of_gradient("halo_cut")),
    output:
        gradient="results/fits/{sample}/metallicity_gradient_{gradient}.parquet",
        chains="results/fits/{sample}/metallicity_gradient_{gradient}_chains.parquet",
        summary="results/fits/{sample}/metallicity_gradient_{gradient}.json",
    params:
        quantity=of_gradient("quantity"),
        x=of_gradient("x"),
        bin_by=of_gradient("bin_by"),
        edges_kpc=of_gradient("edges_kpc"),
        selection=of_gradient("selection"),
        min_stars=of_gradient("min_stars"),
        likelihood=of_gradient("likelihood"),
        models=of_gradient("models"),
        moves=of_gradient("moves"),
        n_walkers=of_gradient("n_walkers"),
        n_burn=of_gradient("n_burn"),
        n_steps=of_gradient("n_steps"),
        max_steps=of_gradient("max_steps"),
        max_r_hat=of_gradient("max_r_hat"),
        min_effective=of_gradient("min_effective"),
        on_unconverged=of_gradient("on_unconverged"),
        seed=config["seed"],
        library=library("fit_metallicity_gradient"),
    log:
        "logs/fit_metallicity_gradient/{sample}/{gradient}.log",
    benchmark:
        "benchmarks/fit_metallicity_gradient/{sample}/{gradient}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2500,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/fit_metallicity_gradient.py"


rule predict_metallicity_residual:
    """A map of the metallicity, the gradient averaged over the stars of each cell, and what it leaves."""
    input:
        stars="results/phase_space/{sample}.parquet",
        cells=lambda wildcards: f"results/maps/{wildcards.sample}/map_{of_residual('map')(wildcards)}.parquet",
        gradient=lambda wildcards: f"results/fits/{wildcards.sample}/metallicity_gradient_{of_residual('gradient')(wildcards)}.parquet",
        membership=disc_members(gradient_of_residual("halo_cut")),
    output:
        residual="results/fits/{sample}/metallicity_residual_{residual}.parquet",
    params:
        quantity=gradient_of_residual("quantity"),
        x=gradient_of_residual("x"),
        bin_by=gradient_of_residual("bin_by"),
        min_stars=lambda wildcards: config["maps"][of_residual("map")(wildcards)]["min_stars"],
        library=library("predict_metallicity_residual"),
    log:
        "logs/predict_metallicity_residual/{sample}/{residual}.log",
    benchmark:
        "benchmarks/predict_metallicity_residual/{sample}/{residual}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=1500,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/predict_metallicity_residual.py"


rule fit_azimuthal_variation:
    """Deviations from the mean at the same radius against azimuth, with what chance makes of them."""
    input:
        stars="results/phase_space/{sample}.parquet",
        membership=disc_members(of_variation("halo_cut")),
    output:
        variation="results/fits/{sample}/azimuthal_variation_{variation}.parquet",
        waves="results/fits/{sample}/azimuthal_variation_{variation}_waves.parquet",
        summary="results/fits/{sample}/azimuthal_variation_{variation}.json",
    params:
        quantity=of_variation("quantity"),
        selection=of_variation("selection"),
        annuli_kpc=of_variation("annuli_kpc"),
        R_window_kpc=of_variation("R_window_kpc"),
        trend=of_variation("trend"),
        phi_limits_deg=of_variation("phi_limits_deg"),
        phi_width_deg=of_variation("phi_width_deg"),
        min_stars=of_variation("min_stars"),
        block_kpc=of_variation("block_kpc"),
        null=of_variation("null_model"),
        n_permutations=of_variation("n_permutations"),
        max_wavenumber=of_variation("max_wavenumber"),
        seed=config["seed"],
        library=library("fit_azimuthal_variation"),
    log:
        "logs/fit_azimuthal_variation/{sample}/{variation}.log",
    benchmark:
        "benchmarks/fit_azimuthal_variation/{sample}/{variation}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=1500,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/fit_azimuthal_variation.py"


rule compare_overdensity:
    """The correlation of a map or a residual map with a density contrast, and its null distribution."""
    input:
        cells=compared_cells,
        overdensity=lambda wildcards: overdensity_table(of_comparison("overdensity")(wildcards)),
    output:
        null_distribution="results/fits/{sample}/overdensity_comparison_{comparison}.parquet",
        summary="results/fits/{sample}/overdensity_comparison_{comparison}.json",
    params:
        cell_column=compared_column,
        grid_column="overdensity",
        null=of_comparison("null_model"),
        n_null=of_comparison("n_null"),
        min_overlap=of_comparison("min_overlap"),
        R0_kpc=lambda wildcards: solar_set(wildcards)["R0_kpc"],
        z_sun_kpc=lambda wildcards: solar_set(wildcards)["z_sun_kpc"],
        seed=config["seed"],
        library=library("compare_overdensity"),
    log:
        "logs/compare_overdensity/{sample}/{comparison}.log",
    benchmark:
        "benchmarks/compare_overdensity/{sample}/{comparison}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=1500,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/compare_overdensity.py"
