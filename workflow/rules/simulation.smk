"""Simulated galaxies, and what surveys deliver for them in their own columns.

INPUTS   potentials, bars, spirals, galaxies and surveys of the config; resources/mist_bolometric_corrections.csv
OUTPUTS  results/galaxies/potential_plane_{potential}.parquet, potential_grid_{potential}.parquet, galaxy_{galaxy}.parquet
         results/catalogues/raw/{catalogue}, results/catalogues/visits/{catalogue}.parquet
         results/catalogues/truth/{catalogue}.parquet, which check_* rules alone read
"""


rule tabulate_potential:
    """An axisymmetric potential as tables, in the plane and in space: all that the orbits need of the engine."""
    output:
        plane="results/galaxies/potential_plane_{potential}.parquet",
        grid="results/galaxies/potential_grid_{potential}.parquet",
    params:
        engine=of_potential("engine"),
        model=of_potential("model"),
        R_max_kpc=of_potential("R_max_kpc"),
        n_R=of_potential("n_R"),
        Z_max_kpc=of_potential("Z_max_kpc"),
        n_Z=of_potential("n_Z"),
        library=library("tabulate_potential"),
    log:
        "logs/tabulate_potential/{potential}.log",
    benchmark:
        "benchmarks/tabulate_potential/{potential}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=1000,
    conda:
        "../../envs/dynamics.yaml"
    script:
        "../scripts/tabulate_potential.py"


rule simulate_galaxy:
    """Particles of a galaxy as they are today: orbits through the growth of bar and spirals, or about a mean field."""
    input:
        unpack(potential_tables),
        bolometric_corrections=str(ROOT / "resources/mist_bolometric_corrections.csv"),
    output:
        galaxy="results/galaxies/galaxy_{galaxy}.parquet",
    params:
        model=galaxy_model,
        bar=bar_of,
        spirals=spirals_of,
        seed=config["seed"],
        library=library("simulate_galaxy"),
    log:
        "logs/simulate_galaxy/{galaxy}.log",
    benchmark:
        "benchmarks/simulate_galaxy/{galaxy}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/simulate_galaxy.py"


rule simulate_survey:
    """What one survey delivers for a simulated galaxy, in its own columns; and, for checks alone, the truth."""
    input:
        galaxy=surveyed_galaxy,
    output:
        raw="results/catalogues/raw/{catalogue}",
        truth="results/catalogues/truth/{catalogue}.parquet",
    params:
        survey=of_survey,
        sun=lambda wildcards: config["sun"][of_catalogue("sun")(wildcards)],
        extinction=lambda wildcards: config["galaxies"][of_catalogue("galaxy")(wildcards)]["extinction"],
        seed=config["seed"],
        library=library("simulate_survey"),
    wildcard_constraints:
        catalogue=one_of(catalogues("simulation")),
    log:
        "logs/simulate_survey/{catalogue}.log",
    benchmark:
        "benchmarks/simulate_survey/{catalogue}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/simulate_survey.py"


rule simulate_visits:
    """The single epochs of a survey that has several."""
    input:
        galaxy=surveyed_galaxy,
    output:
        visits="results/catalogues/visits/{catalogue}.parquet",
    params:
        survey=of_survey,
        sun=lambda wildcards: config["sun"][of_catalogue("sun")(wildcards)],
        extinction=lambda wildcards: config["galaxies"][of_catalogue("galaxy")(wildcards)]["extinction"],
        seed=config["seed"],
        library=library("simulate_visits"),
    wildcard_constraints:
        catalogue=one_of(catalogues("simulation")),
    log:
        "logs/simulate_visits/{catalogue}.log",
    benchmark:
        "benchmarks/simulate_visits/{catalogue}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/simulate_visits.py"


include: "simulation_spirals.smk"
include: "simulation_barred.smk"
