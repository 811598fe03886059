"""Catalogues from outside in standard columns, and the samples cleaned from them.

INPUTS   a simulation, a local file or a download, as declared under catalogues and samples
OUTPUTS  results/catalogues/{catalogue}.parquet
         results/samples/{sample}.parquet, results/samples/cut_flow_{sample}.parquet and .json
"""


rule simulate_galaxy:
    """A simulated disc observed with Gaia's errors, in the columns of a catalogue."""
    output:
        catalogue="results/catalogues/{catalogue}.parquet",
    params:
        model=lambda wildcards: {
            key: value
            for key, value in config["catalogues"][wildcards.catalogue].items()
            if key not in ("source", "sun")
        },
        sun=lambda wildcards: config["sun"][config["catalogues"][wildcards.catalogue]["sun"]],
        seed=config["seed"],
        library=library("simulate_galaxy"),
    wildcard_constraints:
        catalogue=one_of(catalogues("simulation")),
    log:
        "logs/simulate_galaxy/{catalogue}.log",
    benchmark:
        "benchmarks/simulate_galaxy/{catalogue}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/simulate_galaxy.py"


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
        catalogue=one_of(catalogues("file", "url")),
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
    output:
        sample="results/samples/{sample}.parquet",
        cut_flow="results/samples/cut_flow_{sample}.parquet",
        cut_flow_json="results/samples/cut_flow_{sample}.json",
    params:
        corrections=of_sample("corrections"),
        distance=of_sample("distance"),
        duplicates=of_sample("duplicates"),
        cuts=of_sample("cuts"),
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
