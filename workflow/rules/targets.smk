"""The files that an atlas consists of, from the config alone.

INPUTS   config
OUTPUTS  the lists MAPS, TABLES, FITS, FIGURES, VISITS, CHECKS and MOCKS, which the targets of the Snakefile and check_atlas ask for
"""

MAPS = [f"results/maps/{sample}/map_{name}.parquet" for sample in SAMPLES for name in maps_of(sample)]
TABLES = [
    f"results/maps/{sample}/profile_{name}.{kind}"
    for sample in SAMPLES
    for name in maps_of(sample, [1])
    for kind in ("csv", "tex")
]
FIGURES = [f"results/figures/{sample}/cut_flow.{kind}" for sample in SAMPLES for kind in ("pdf", "png")] + [
    f"results/figures/{sample}/{'map' if n_axes == 2 else 'profile'}_{name}-{quantity}.{kind}"
    for sample in SAMPLES
    for n_axes in (1, 2)
    for name in maps_of(sample, [n_axes])
    for quantity in config["maps"][name]["quantities"]
    for kind in ("pdf", "png")
]

SIMULATED = [
    name
    for name in dict.fromkeys(config["samples"][sample]["catalogue"] for sample in SAMPLES)
    if name in catalogues("simulation")
]
GALAXIES = list(dict.fromkeys(config["catalogues"][name]["galaxy"] for name in SIMULATED))
VISITS = [
    f"results/catalogues/visits/{name}.parquet"
    for name in SIMULATED
    if config["surveys"][config["catalogues"][name]["survey"]]["kind"] == "sdssv_ob"
]
HR_COLUMNS = ({"teff_K", "logg_dex"}, {"phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag"})
SURVEYS = [
    sample
    for sample in SAMPLES
    if any(
        needed <= set(config["catalogues"][config["samples"][sample]["catalogue"]]["columns"]) for needed in HR_COLUMNS
    )
]
FIGURES += [
    f"results/figures/{page}.{kind}"
    for page in [f"galaxies/galaxy_{galaxy}" for galaxy in GALAXIES] + [f"{sample}/survey" for sample in SURVEYS]
    for kind in ("pdf", "png")
]

FIELDS = made_for("velocity_fields")
FITS = [
    f"results/fits/{sample}/{kind}_{name}.parquet"
    for sample, name in FIELDS
    for kind in ("velocity_field", "rotation_curve")
]
FIGURES += [
    f"results/figures/{sample}/{figure}.{kind}"
    for sample, name in FIELDS
    for figure in [f"rotation_curve_{name}", *(f"velocity_field_{name}-{page}" for page in PAGES)]
    for kind in ("pdf", "png")
]


include: "targets_fits.smk"
include: "targets_models.smk"
include: "targets_young_stars.smk"


CHECKS = (
    [
        f"results/checks/{rule}_{check}.json"
        for kind, rule in (
            ("statistics", "statistic"),
            ("truths", "truth"),
            ("map_truths", "map_truth"),
            ("gradient_truths", "gradient_truth"),
            ("mean_fields", "mean_field"),
            ("velocity_fields", "velocity_field"),
            ("metallicity_gradients", "metallicity_gradient"),
            ("azimuthal_variations", "azimuthal_variation"),
            ("ages", "ages"),
        )
        for check in checks_of(kind)
    ]
    + [
        f"results/checks/backward_model_{check}.json"
        for check, spec in config["checks"]["backward_models"].items()
        if spec["model"] in MODELS
    ]
    + [
        f"results/checks/velocities_{check}.json"
        for check, spec in config["checks"]["velocities"].items()
        if any(config["samples"][sample]["velocities"] == spec["epochs"] for sample in SAMPLES)
    ]
)
