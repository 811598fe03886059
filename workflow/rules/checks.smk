"""Results held against what they must be: value, expectation, source, pass.

INPUTS   results/phase_space/{sample}.parquet, results/checks/*.json
         for velocity_field_{check} the fit, its cells and results/catalogues/truth/{catalogue}.parquet
OUTPUTS  results/checks/statistic_{check}.json, velocity_field_{check}.json, atlas.json
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


rule check_velocity_field:
    """A velocity field against the one that the true positions and velocities of the same stars give."""
    input:
        field=check_input("velocity_fields", "results/fits/{sample}/velocity_field_{field}.parquet"),
        cells=check_input("velocity_fields", "results/maps/{sample}/phase_space_cells_{field}.parquet"),
        stars=check_input("velocity_fields", "results/phase_space/{sample}.parquet"),
        truth=check_input("velocity_fields", "results/catalogues/truth/{catalogue}.parquet"),
    output:
        result="results/checks/velocity_field_{check}.json",
    params:
        radius_kpc=lambda wildcards: config["velocity_fields"][of_check("velocity_fields", "field")(wildcards)][
            "radius_kpc"
        ],
        against=of_check("velocity_fields", "against"),
        model=lambda wildcards: (
            config["galaxies"][
                config["catalogues"][check_input("velocity_fields", "{catalogue}")(wildcards)]["galaxy"]
            ]
            if of_check("velocity_fields", "against")(wildcards) == "mean"
            else None
        ),
        tolerance=of_check("velocity_fields", "tolerance"),
        library=library("check_velocity_field"),
    wildcard_constraints:
        check=one_of(config["checks"]["velocity_fields"]),
    log:
        "logs/check_velocity_field/{check}.log",
    benchmark:
        "benchmarks/check_velocity_field/{check}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/check_velocity_field.py"


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


include: "checks_simulation.smk"
include: "checks_calibration.smk"
include: "checks_fits.smk"
include: "checks_models.smk"
include: "checks_young_stars.smk"
