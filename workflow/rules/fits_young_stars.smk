"""Comparisons of columns, and what binaries make of velocities.

INPUTS   results/samples/{sample}.parquet, epochs
OUTPUTS  results/fits/{sample}/columns_{columns}.parquet and .json, binaries_{binaries}.parquet and .json
"""


rule compare_columns:
    """Two measurements of the same thing star by star: difference, scatter, and shares within the errors."""
    input:
        sample="results/samples/{sample}.parquet",
    output:
        comparison="results/fits/{sample}/columns_{columns}.parquet",
        histogram="results/fits/{sample}/columns_{columns}_histogram.parquet",
        summary="results/fits/{sample}/columns_{columns}.json",
    params:
        pairs=of_columns("pairs"),
        n_bins=of_columns("n_bins"),
        min_stars=of_columns("min_stars"),
        library=library("compare_columns"),
    log:
        "logs/compare_columns/{sample}/{columns}.log",
    benchmark:
        "benchmarks/compare_columns/{sample}/{columns}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/compare_columns.py"


rule fit_cluster_ages:
    """Ages of clusters from the posteriors of their stars, the prior counted once."""
    input:
        ages="results/phase_space/ages/{sample}.parquet",
        posteriors="results/phase_space/ages/posteriors/{sample}.parquet",
        members=lambda wildcards: matched_table("catalogue", of_clusters("members")(wildcards)),
        match=lambda wildcards: (
            f"results/catalogues/matches/{of_clusters('match')(wildcards)}.parquet"
            if of_clusters("match")(wildcards)
            else []
        ),
        clusters=lambda wildcards: matched_table("catalogue", of_clusters("catalogue")(wildcards)),
    output:
        table="results/fits/{sample}/cluster_ages_{clusters}.parquet",
        summary="results/fits/{sample}/cluster_ages_{clusters}.json",
        csv="results/fits/{sample}/cluster_ages_{clusters}.csv",
        tex="results/fits/{sample}/cluster_ages_{clusters}.tex",
    params:
        cluster_column=of_clusters("cluster_column"),
        probability_column=of_clusters("probability_column"),
        min_probability=of_clusters("min_probability"),
        min_members=of_clusters("min_members"),
        max_width_dex=of_clusters("max_width_dex"),
        method=of_clusters("method"),
        catalogue_title=of_clusters("catalogue_title"),
        library=library("fit_cluster_ages"),
    log:
        "logs/fit_cluster_ages/{sample}/{clusters}.log",
    benchmark:
        "benchmarks/fit_cluster_ages/{sample}/{clusters}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/fit_cluster_ages.py"


rule simulate_binaries:
    """Epoch-averaged velocities of single stars and of binaries at the epochs and errors of a sample."""
    input:
        sample="results/samples/{sample}.parquet",
        epochs=lambda wildcards: epoch_file(of_binaries("epochs")(wildcards)),
    output:
        binaries="results/fits/{sample}/binaries_{binaries}.parquet",
        summary="results/fits/{sample}/binaries_{binaries}.json",
    params:
        id=epochs_of_binaries("id"),
        time=epochs_of_binaries("time"),
        pipelines=epochs_of_binaries("pipelines"),
        mean=epochs_of_binaries("mean"),
        binary_fraction=of_binaries("binary_fraction"),
        primary_mass=of_binaries("primary_mass"),
        n_realisations=of_binaries("n_realisations"),
        bin_kms=of_binaries("bin_kms"),
        limit_kms=of_binaries("limit_kms"),
        seed=config["seed"],
        library=library("simulate_binaries"),
    log:
        "logs/simulate_binaries/{sample}/{binaries}.log",
    benchmark:
        "benchmarks/simulate_binaries/{sample}/{binaries}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/simulate_binaries.py"
