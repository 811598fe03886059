"""Maps of medians of models, in parts that a cluster can share, and how well they describe the data.

INPUTS   results/fits/barred_models/{model}/barred_model.json, results/galaxies/potential_plane_{potential}.parquet, maps of samples
OUTPUTS  results/fits/barred_models/{model}/disc_map_{disc_map}.parquet and _loci.parquet, results/fits/disc_map_{disc_map}.json
"""


rule predict_disc_map_part:
    """A part of the cells of a map of medians."""
    input:
        model="results/fits/barred_models/{model}/barred_model.json",
        plane=plane_of_model,
    output:
        cells=temp("results/fits/barred_models/{model}/disc_map_part_{disc_map}_{part}.parquet"),
    params:
        limits_kpc=of_disc_map("limits_kpc"),
        spacing_kpc=of_disc_map("spacing_kpc"),
        v_R_kms=of_disc_map("v_R_kms"),
        v_phi_kms=of_disc_map("v_phi_kms"),
        accuracy=of_disc_map("accuracy"),
        n_parts=of_disc_map("n_parts"),
        library=library("predict_disc_map_part"),
    log:
        "logs/predict_disc_map_part/{model}/{disc_map}_{part}.log",
    benchmark:
        "benchmarks/predict_disc_map_part/{model}/{disc_map}_{part}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=1500,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/predict_disc_map_part.py"


rule predict_disc_map:
    """The whole map of a model, and the lines of its bar and arms."""
    input:
        parts=parts_of_map,
        model="results/fits/barred_models/{model}/barred_model.json",
        plane=plane_of_model,
    output:
        cells="results/fits/barred_models/{model}/disc_map_{disc_map}.parquet",
        loci="results/fits/barred_models/{model}/disc_map_{disc_map}_loci.parquet",
    params:
        limits_kpc=of_disc_map("limits_kpc"),
        spacing_kpc=of_disc_map("spacing_kpc"),
        library=library("predict_disc_map"),
    log:
        "logs/predict_disc_map/{model}/{disc_map}.log",
    benchmark:
        "benchmarks/predict_disc_map/{model}/{disc_map}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/predict_disc_map.py"


rule compare_disc_map:
    """How well each model describes each observed map, beside no motion at all."""
    input:
        predicted=maps_of_models("disc_map"),
        observed=observed_maps,
    output:
        numbers="results/fits/disc_map_{disc_map}.json",
    params:
        models=of_disc_map("models"),
        sources=lambda wildcards: sources_of_map(wildcards.disc_map),
        library=library("compare_disc_map"),
    log:
        "logs/compare_disc_map/{disc_map}.log",
    benchmark:
        "benchmarks/compare_disc_map/{disc_map}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/compare_disc_map.py"
