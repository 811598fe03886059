"""Results held against what they must be: value, expectation, source, pass.

INPUTS   results/phase_space/{sample}.parquet, results/checks/*.json
OUTPUTS  results/checks/statistic_{check}.json, results/checks/atlas.json
"""


rule check_statistic:
    """A statistic of one phase-space column against its expectation."""
    input:
        stars=lambda wildcards: f"results/phase_space/{of_check('statistics', 'sample')(wildcards)}.parquet",
    output:
        result="results/checks/statistic_{check}.json",
    params:
        column=of_check("statistics", "column"),
        statistic=of_check("statistics", "statistic"),
        selection=of_check("statistics", "selection"),
        expected=of_check("statistics", "expected"),
        tolerance=of_check("statistics", "tolerance"),
        source=of_check("statistics", "source"),
        library=library("check_statistic"),
    wildcard_constraints:
        check=one_of(config["checks"]["statistics"]),
    log:
        "logs/check_statistic/{check}.log",
    benchmark:
        "benchmarks/check_statistic/{check}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/catalogue.yaml"
    script:
        "../scripts/check_statistic.py"


rule check_atlas:
    """All checks together; a failed one stops the atlas, with its numbers."""
    input:
        results=CHECKS,
    output:
        summary="results/checks/atlas.json",
    params:
        library=library("check_atlas"),
    log:
        "logs/check_atlas/atlas.log",
    benchmark:
        "benchmarks/check_atlas/atlas.tsv"
    threads: 1
    resources:
        mem_mb=500,
    conda:
        "../../envs/catalogue.yaml"
    script:
        "../scripts/check_atlas.py"
