"""Fits of metallicity and spirals held against what they must be.

INPUTS   results/fits, results/phase_space, results/catalogues/truth/{catalogue}.parquet, results/galaxies/spiral_mock_{mock}*
OUTPUTS  results/checks/metallicity_gradient_{check}.json, azimuthal_variation_{check}.json, spiral_mock_{check}.json
"""


rule check_metallicity_gradient:
    """The slopes of a simulated sample against those of the true values of the same stars."""
    input:
        gradient=check_input("metallicity_gradients", "results/fits/{sample}/metallicity_gradient_{gradient}.parquet"),
        stars=check_input("metallicity_gradients", "results/phase_space/{sample}.parquet"),
        membership=lambda wildcards: membership_of_check(wildcards),
        truth=check_input("metallicity_gradients", "results/catalogues/truth/{catalogue}.parquet"),
    output:
        result="results/checks/metallicity_gradient_{check}.json",
    params:
        max_chi_square=of_check("metallicity_gradients", "max_chi_square"),
        max_noise_chi_square=of_check("metallicity_gradients", "max_noise_chi_square"),
        library=library("check_metallicity_gradient"),
    wildcard_constraints:
        check=one_of(config["checks"]["metallicity_gradients"]),
    log:
        "logs/check_metallicity_gradient/{check}.log",
    benchmark:
        "benchmarks/check_metallicity_gradient/{check}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=2000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/check_metallicity_gradient.py"


rule check_azimuthal_variation:
    """An azimuthal pattern where the galaxy has one, and none where it has none."""
    input:
        summary=check_input("azimuthal_variations", "results/fits/{sample}/azimuthal_variation_{variation}.json"),
        waves=check_input("azimuthal_variations", "results/fits/{sample}/azimuthal_variation_{variation}_waves.parquet"),
    output:
        result="results/checks/azimuthal_variation_{check}.json",
    params:
        expected=of_check("azimuthal_variations", "expected"),
        level=of_check("azimuthal_variations", "level"),
        m=of_check("azimuthal_variations", "m"),
        amplitude=of_check("azimuthal_variations", "amplitude"),
        phase_deg=of_check("azimuthal_variations", "phase_deg"),
        amplitude_tolerance=of_check("azimuthal_variations", "amplitude_tolerance"),
        phase_tolerance_deg=of_check("azimuthal_variations", "phase_tolerance_deg"),
        library=library("check_azimuthal_variation"),
    wildcard_constraints:
        check=one_of(config["checks"]["azimuthal_variations"]),
    log:
        "logs/check_azimuthal_variation/{check}.log",
    benchmark:
        "benchmarks/check_azimuthal_variation/{check}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/maps.yaml"
    script:
        "../scripts/check_azimuthal_variation.py"


rule check_spiral_mock:
    """Test particles against the linear response, and the input recovered at the places of real stars."""
    input:
        annuli=lambda wildcards: f"results/galaxies/spiral_mock_{of_check('spiral_mocks', 'mock')(wildcards)}_annuli.parquet",
        particles=lambda wildcards: f"results/galaxies/spiral_mock_{of_check('spiral_mocks', 'mock')(wildcards)}.parquet",
        stars=stars_of_mock,
    output:
        result="results/checks/spiral_mock_{check}.json",
        recovered="results/checks/spiral_mock_{check}_recovery.parquet",
    params:
        model=lambda wildcards: config["spiral_mocks"][of_check("spiral_mocks", "mock")(wildcards)],
        R_limits_kpc=of_check("spiral_mocks", "R_limits_kpc"),
        ratio_tolerance=of_check("spiral_mocks", "ratio_tolerance"),
        phase_tolerance_deg=of_check("spiral_mocks", "phase_tolerance_deg"),
        recovery=recovery_of_mock,
        seed=config["seed"],
        library=library("check_spiral_mock"),
    wildcard_constraints:
        check=one_of(config["checks"]["spiral_mocks"]),
    log:
        "logs/check_spiral_mock/{check}.log",
    benchmark:
        "benchmarks/check_spiral_mock/{check}.tsv"
    threads: config["threads"]
    resources:
        mem_mb=3000,
    conda:
        "../../envs/fits.yaml"
    script:
        "../scripts/check_spiral_mock.py"
