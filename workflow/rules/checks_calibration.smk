"""The calibration of every estimator's error bars, on demand (make calibrate): many small simulations of each.

INPUTS   none
OUTPUTS  results/checks/calibration.parquet and .csv, calibration_dispersions.parquet and .csv, results/figures/calibration.pdf and .png
"""


rule check_calibration:
    """How often the 68 % intervals of every estimator contain the truth."""
    output:
        table="results/checks/calibration.parquet",
        csv="results/checks/calibration.csv",
        dispersions="results/checks/calibration_dispersions.parquet",
        dispersions_csv="results/checks/calibration_dispersions.csv",
    params:
        n_intervals=config["calibration"]["n_intervals"],
        seed=config["seed"],
        library=library("check_calibration"),
    log:
        "logs/check_calibration/calibration.log",
    benchmark:
        "benchmarks/check_calibration/calibration.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/check_calibration.py"


rule plot_calibration:
    """The coverage of every estimator, with what chance allows."""
    input:
        table="results/checks/calibration.parquet",
    output:
        pdf="results/figures/calibration.pdf",
        png=report("results/figures/calibration.png", caption="../report/calibration.rst", category="calibration"),
    params:
        dpi=config["figures"]["dpi"],
        library=library("plot_calibration"),
    log:
        "logs/plot_calibration/calibration.log",
    benchmark:
        "benchmarks/plot_calibration/calibration.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_calibration.py"
