"""Ages of stars from isochrones.

INPUTS   results/samples/{sample}.parquet, results/phase_space/{sample}.parquet, resources/mist_bolometric_corrections.csv
OUTPUTS  results/phase_space/ages/{sample}.parquet and .json, results/phase_space/ages/posteriors/{sample}.parquet
"""


rule estimate_ages:
    """The posterior of the age of every star, from isochrones and declared priors."""
    input:
        sample="results/samples/{sample}.parquet",
        stars="results/phase_space/{sample}.parquet",
        bolometric_corrections=str(ROOT / "resources/mist_bolometric_corrections.csv"),
        grid_folder=grid_folder,
    output:
        ages="results/phase_space/ages/{sample}.parquet",
        posteriors="results/phase_space/ages/posteriors/{sample}.parquet",
        summary="results/phase_space/ages/{sample}.json",
    params:
        grid=of_ages("grid"),
        log_age=of_ages("log_age"),
        feh_dex=of_ages("feh_dex"),
        observables=of_ages("observables"),
        min_observables=of_ages("min_observables"),
        extinction=of_ages("extinction"),
        metallicity=of_ages("metallicity"),
        imf_slope=of_ages("imf_slope"),
        age_prior=of_ages("age_prior"),
        max_chi2=of_ages("max_chi2"),
        edge_share=of_ages("edge_share"),
        library=library("estimate_ages"),
    log:
        "logs/estimate_ages/{sample}.log",
    benchmark:
        "benchmarks/estimate_ages/{sample}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=3000,
    conda:
        "../../envs/ages.yaml"
    script:
        "../scripts/estimate_ages.py"
