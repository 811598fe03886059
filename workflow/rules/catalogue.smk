"""Catalogues from outside in standard columns, and the samples cleaned from them.

INPUTS   a local file, a download or a simulated survey, as declared under catalogues and samples
OUTPUTS  results/catalogues/{catalogue}.parquet
         results/samples/{sample}.parquet, results/samples/cut_flow_{sample}.parquet and .json
"""


rule download_catalogue:
    """A catalogue fetched from its address: resumed where it broke off, verified, whole or not at all."""
    output:
        raw="results/catalogues/raw/{catalogue}",
    params:
        url=of_catalogue("url"),
        digest=of_catalogue("digest"),
        min_bytes=of_catalogue("min_bytes"),
        attempts=config["downloads"]["attempts"],
        backoff_s=config["downloads"]["backoff_s"],
        timeout_s=config["downloads"]["timeout_s"],
        library=library("download_catalogue"),
    wildcard_constraints:
        catalogue=one_of(catalogues("url")),
    log:
        "logs/download_catalogue/{catalogue}.log",
    benchmark:
        "benchmarks/download_catalogue/{catalogue}.tsv"
    threads: 1
    resources:
        mem_mb=500,
    conda:
        "../../envs/catalogue.yaml"
    script:
        "../scripts/download_catalogue.py"


rule clean_catalogue:
    """A catalogue file in the standard columns and units, with what was missing or impossible counted."""
    input:
        raw=raw_file,
    output:
        catalogue="results/catalogues/{catalogue}.parquet",
    params:
        file_format=of_catalogue("format"),
        table=of_catalogue("table"),
        columns=of_catalogue("columns"),
        digest=of_catalogue("digest"),
        date=of_catalogue("date"),
        citation=of_catalogue("citation"),
        query=of_catalogue("query"),
        origin=origin,
        library=library("clean_catalogue"),
    wildcard_constraints:
        catalogue=one_of(catalogues("file", "url", "simulation")),
    log:
        "logs/clean_catalogue/{catalogue}.log",
    benchmark:
        "benchmarks/clean_catalogue/{catalogue}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/catalogue.yaml"
    script:
        "../scripts/clean_catalogue.py"


rule clean_sample:
    """A sample: corrections, one distance, duplicates resolved, cuts; and the cut flow that counts every row."""
    input:
        catalogue=lambda wildcards: f"results/catalogues/{config['samples'][wildcards.sample]['catalogue']}.parquet",
        velocities=velocities_of_sample,
        matches=match_files,
        match_tables=match_tables,
    output:
        sample="results/samples/{sample}.parquet",
        cut_flow="results/samples/cut_flow_{sample}.parquet",
        cut_flow_json="results/samples/cut_flow_{sample}.json",
    params:
        corrections=of_sample("corrections"),
        distance=of_sample("distance"),
        duplicates=of_sample("duplicates"),
        cuts=of_sample("cuts"),
        n_published=of_sample("n_published"),
        match_names=lambda wildcards: [entry["match"] for entry in of_sample("matches")(wildcards)],
        match_columns=lambda wildcards: [entry["columns"] for entry in of_sample("matches")(wildcards)],
        R0_kpc=radius_of_sun,
        library=library("clean_sample"),
    log:
        "logs/clean_sample/{sample}.log",
    benchmark:
        "benchmarks/clean_sample/{sample}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/catalogue.yaml"
    script:
        "../scripts/clean_sample.py"


include: "catalogue_epochs.smk"
