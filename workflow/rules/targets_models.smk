"""What models with a bar and spirals add to the lists of targets.

INPUTS   config
OUTPUTS  more of MAPS, FITS, FIGURES and MOCKS; the list MODELS of checked models; target `models`
"""

PLANES = [name for name, spec in config["velocity_planes"].items() if has_data([spec["data"]])]
DISC_MAPS = [
    name
    for name, spec in config["disc_maps"].items()
    if sources_of_map(name) or has_data([(spec["overdensity"] or {}).get("source")])
]
MOMENTA = [name for name, spec in config["angular_momentum_planes"].items() if has_data(spec["samples"])]
RIDGES = [(sample, name, model) for sample, name in made_for("ridges") for model in config["ridges"][name]["models"]]
ORBITS = [sample for sample in SAMPLES if orbits_of(sample)]
MODELS = models_of({"velocity_planes": PLANES, "disc_maps": DISC_MAPS, "angular_momentum_planes": MOMENTA})
SUNS = [name for name, spec in config["solar_orbits"].items() if spec["model"] in MODELS]
TRACES = [name for name, spec in config["traces"].items() if spec["model"] in MODELS]
MODEL_FITS = []
for products, figures, is_due in ((FITS, FIGURES, is_declared), (MODEL_FITS, MODEL_FITS, is_fitted)):
    products += (
        [
            f"results/fits/disc_map_{name}.json"
            for name in DISC_MAPS
            if sources_of_map(name) and is_due("disc_maps", name)
        ]
        + [
            f"results/fits/{sample}/ridges_{name}_{model}.parquet"
            for sample, name, model in RIDGES
            if is_due("ridges", name)
        ]
        + [f"results/phase_space/orbits/{sample}.parquet" for sample in ORBITS if is_due("orbits", sample)]
        + [f"results/fits/barred_models/{model}/barred_potential.json" for model in MODELS if is_due("models", model)]
    )
    plots = (
        [f"barred_models/velocity_plane_{name}" for name in PLANES if is_due("velocity_planes", name)]
        + [
            f"barred_models/disc_map_{name}-{page}"
            for name in DISC_MAPS
            for page in config["disc_maps"][name]["pages"]
            if is_due("disc_maps", name)
        ]
        + [
            f"barred_models/angular_momentum_plane_{name}"
            for name in MOMENTA
            if is_due("angular_momentum_planes", name)
        ]
        + [f"barred_models/solar_orbit_{name}" for name in SUNS if is_due("solar_orbits", name)]
        + [f"barred_models/trace_{name}" for name in TRACES if is_due("traces", name)]
        + [f"{sample}/orbits" for sample in ORBITS if is_due("orbits", sample)]
        + [
            f"{sample}/ridges_{name}_{model}-{page}"
            for sample, name, model in RIDGES
            for page in RIDGE_PAGES
            if is_due("ridges", name)
        ]
    )
    figures += [f"results/figures/{plot}.{kind}" for plot in plots for kind in ("pdf", "png")]
STRIPS = [
    (source, name) for name, spec in config["bar_strips"].items() for source in spec["sources"] if has_data([source])
]
MODE_FITS = [
    (source, name)
    for name, spec in config["spiral_mode_fits"].items()
    for source in spec["sources"]
    if has_data([source])
]
POSTERIORS = [
    (source, name)
    for name, spec in config["spiral_posteriors"].items()
    for source in spec["sources"]
    if has_data([source])
]
MODEL_FITS += [
    f"results/figures/{source}/bar_strip_{name}.{kind}" for source, name in STRIPS for kind in ("pdf", "png")
] + [f"results/fits/{source}/spiral_modes_{name}.{kind}" for source, name in MODE_FITS for kind in ("json", "csv")]
MODEL_FITS += [
    f"results/figures/{source}/spiral_modes_{name}-{page}.{kind}"
    for source, name in MODE_FITS
    for page in MODES_PAGES
    for kind in ("pdf", "png")
] + [
    path
    for source, name in POSTERIORS
    for path in [f"results/fits/{source}/spiral_posterior_{name}.csv"]
    + [
        f"results/figures/{source}/spiral_posterior_{name}-{page}.{kind}"
        for page in POSTERIOR_PAGES
        for kind in ("pdf", "png")
    ]
]
MOCKS += [
    path
    for check in config["checks"]["barred_mocks"]
    for path in (
        f"results/checks/barred_mock_{check}.json",
        f"results/figures/galaxies/barred_mock_{check}.pdf",
        f"results/figures/galaxies/barred_mock_{check}.png",
    )
]
MOCKS += [f"results/checks/spiral_posterior_{check}.json" for check in config["checks"]["spiral_posteriors"]]


rule models:
    """On demand: fits of the bar and of spiral modes by backward integration, and their posteriors."""
    input:
        MODEL_FITS,
