"""What the fits of metallicity and spirals add to the lists of targets.

INPUTS   config
OUTPUTS  more of MAPS, TABLES, FITS and FIGURES; the list MOCKS, made on demand
"""

MAPS += [
    path.format(sample=sample, name=name)
    for section, path in (
        ("smoothed_maps", "results/maps/{sample}/map_smoothed_{name}.parquet"),
        ("overdensities", "results/maps/{sample}/overdensity_{name}.parquet"),
    )
    for sample, name in made_for(section)
] + [f"results/maps/{name}/published_map.parquet" for name in config["published_maps"]]
RESPONSES = [
    (source, name)
    for name, spec in config["spiral_responses"].items()
    for source in spec["sources"]
    if source in SAMPLES or is_published(source)
]
SCANS = [(source, name) for source, name in RESPONSES if config["spiral_responses"][name]["scan_kms_kpc"]]
FITS += [
    f"results/fits/{sample}/{kind}_{name}.parquet"
    for section, kind in (
        ("metallicity_gradients", "metallicity_gradient"),
        ("metallicity_residuals", "metallicity_residual"),
        ("azimuthal_variations", "azimuthal_variation"),
        ("overdensity_comparisons", "overdensity_comparison"),
    )
    for sample, name in made_for(section)
] + [
    f"results/fits/{source}/{kind}_{name}.parquet"
    for kind, pairs in (("spiral_response", RESPONSES), ("spiral_scan", SCANS))
    for source, name in pairs
]
FITS += [f"results/fits/{source}/spiral_response_{name}_gallery.parquet" for source, name in RESPONSES]
TABLES += [
    f"results/fits/{sample}/{kind}_{name}.{suffix}"
    for kind, pairs in (("metallicity_gradient", made_for("metallicity_gradients")), ("spiral_scan", SCANS))
    for sample, name in pairs
    for suffix in ("csv", "tex")
]
PLOTS = (
    [
        f"{sample}/{figure}_{name}"
        for section, figure in (
            ("metallicity_residuals", "metallicity_residual"),
            ("azimuthal_variations", "azimuthal_variation"),
            ("overdensity_comparisons", "overdensity_comparison"),
        )
        for sample, name in made_for(section)
    ]
    + [
        f"{sample}/metallicity_gradient_{name}-{page}"
        for sample, name in made_for("metallicity_gradients")
        for page in GRADIENT_PAGES
    ]
    + [f"gradient_comparison_{name}" for name in config["metallicity_gradients"] if len(samples_of_gradient(name)) > 1]
    + [f"{sample}/smoothed_map_{name}-{page}" for sample, name in made_for("smoothed_maps") for page in SMOOTHED_PAGES]
    + [f"{source}/spiral_response_{name}-{page}" for source, name in RESPONSES for page in RESPONSE_PAGES]
    + [f"{source}/spiral_scan_{name}" for source, name in SCANS]
)
FIGURES += [f"results/figures/{plot}.{kind}" for plot in PLOTS for kind in ("pdf", "png")]
MOCKS = [
    f"results/figures/galaxies/{kind}_{name}.{suffix}"
    for section, kind in (("spiral_mocks", "spiral_mock"), ("spiral_reductions", "spiral_reduction"))
    for name in config[section]
    for suffix in ("pdf", "png")
] + [f"results/checks/spiral_mock_{check}.json" for check in config["checks"]["spiral_mocks"]]
