"""Test particles under one slowly grown spiral: the linear response of cold and warm discs.

INPUTS   none
OUTPUTS  results/galaxies/spiral_mock_{mock}.parquet and _annuli.parquet, spiral_reduction_{reduction}.parquet
"""


rule simulate_spiral_mock:
    """Test particles in a cored isothermal potential with one spiral, and their harmonic by annulus."""
    output:
        particles="results/galaxies/spiral_mock_{mock}.parquet",
        annuli="results/galaxies/spiral_mock_{mock}_annuli.parquet",
    params:
        model=lambda wildcards: config["spiral_mocks"][wildcards.mock],
        seed=config["seed"],
        library=library("simulate_spiral_mock"),
    log:
        "logs/simulate_spiral_mock/{mock}.log",
    benchmark:
        "benchmarks/simulate_spiral_mock/{mock}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=3000,
    conda:
        "../../envs/dynamics.yaml"
    script:
        "../scripts/simulate_spiral_mock.py"


rule tabulate_spiral_reduction:
    """How much less a warm disc responds to a spiral than a cold one, from orbits."""
    output:
        reduction="results/galaxies/spiral_reduction_{reduction}.parquet",
    params:
        model=lambda wildcards: config["spiral_reductions"][wildcards.reduction],
        library=library("tabulate_spiral_reduction"),
    log:
        "logs/tabulate_spiral_reduction/{reduction}.log",
    benchmark:
        "benchmarks/tabulate_spiral_reduction/{reduction}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/dynamics.yaml"
    script:
        "../scripts/tabulate_spiral_reduction.py"
