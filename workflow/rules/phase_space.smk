"""Six-dimensional phase space with propagated errors.

INPUTS   results/samples/{sample}.parquet
OUTPUTS  results/phase_space/{sample}.parquet
"""


rule convert_phase_space:
    """Positions and velocities in the Galaxy's frame, with errors and their correlations."""
    input:
        stars="results/samples/{sample}.parquet",
    output:
        phase_space="results/phase_space/{sample}.parquet",
    params:
        sun=solar_set,
        distance_estimator=of_sample("distance"),
        error_method=of_sample("errors"),
        n_draws=of_sample("n_draws"),
        correlations=of_sample("correlations"),
        keep_columns=of_sample("keep_columns"),
        seed=config["seed"],
        library=library("convert_phase_space"),
    log:
        "logs/convert_phase_space/{sample}.log",
    benchmark:
        "benchmarks/convert_phase_space/{sample}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/phase_space.yaml"
    script:
        "../scripts/convert_phase_space.py"
