"""Test particles of a barred model's own distribution, integrated forward: the test of backward integration.

INPUTS   results/fits/barred_models/{model}/barred_model.json, results/galaxies/potential_plane_{potential}.parquet
OUTPUTS  results/galaxies/barred_mock_{mock}.parquet and _map.parquet
"""


rule simulate_barred_mock:
    """Particles in equilibrium, integrated through the growth of bar and spirals, and their map of medians."""
    input:
        model=lambda wildcards: model_file(of_barred_mock("model")(wildcards)),
        plane=lambda wildcards: plane_table_of(of_barred_mock("model")(wildcards)),
    output:
        particles="results/galaxies/barred_mock_{mock}.parquet",
        cells="results/galaxies/barred_mock_{mock}_map.parquet",
    params:
        mock=lambda wildcards: config["barred_mocks"][wildcards.mock],
        seed=config["seed"],
        library=library("simulate_barred_mock"),
    wildcard_constraints:
        mock=one_of(config["barred_mocks"]),
    log:
        "logs/simulate_barred_mock/{mock}.log",
    benchmark:
        "benchmarks/simulate_barred_mock/{mock}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=4000,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/simulate_barred_mock.py"
