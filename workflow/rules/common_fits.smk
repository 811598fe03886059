"""What the rules of fits look up in the config.

INPUTS   config
OUTPUTS  none
"""

of_gradient = of_named("metallicity_gradients", "gradient")
of_residual = of_named("metallicity_residuals", "residual")
of_variation = of_named("azimuthal_variations", "variation")
of_overdensity = of_named("overdensities", "overdensity")
of_comparison = of_named("overdensity_comparisons", "comparison")
of_published = of_named("published_maps", "published")
of_smoothed = of_named("smoothed_maps", "smoothed")
of_response = of_named("spiral_responses", "response")
of_mock = of_named("spiral_mocks", "mock")
of_reduction = of_named("spiral_reductions", "reduction")


def made_for(section):
    """Return (sample, name) of each entry of a config section that names samples, for the samples of this atlas."""
    return [(sample, name) for name, spec in config[section].items() for sample in spec["samples"] if sample in SAMPLES]


def membership_of(sample):
    """Return the config entry of the membership of a sample, with its ellipsoids, or None."""
    for spec in config["memberships"].values():
        if sample in spec["samples"]:
            return spec | {"ellipsoids": config["membership_sets"][spec["set"]]}
    return None


def membership_summary(wildcards):
    """Return the counts of the membership of a sample that has one, for its flow chart."""
    return f"results/phase_space/membership/{wildcards.sample}.json" if membership_of(wildcards.sample) else []


def of_membership(key):
    """Return a function that gives one config key of the sample's membership, for params."""
    return lambda wildcards: membership_of(wildcards.sample)[key]


def disc_members(has_cut):
    """Return an input function: the membership of the sample where an entry asks for the disc alone."""
    return lambda wildcards: f"results/phase_space/membership/{wildcards.sample}.parquet" if has_cut(wildcards) else []


def gradient_of_residual(key):
    """Return a function that gives one config key of the gradient that a residual map is of, for params."""
    return lambda wildcards: config["metallicity_gradients"][of_residual("gradient")(wildcards)][key]


def residual_column(residual):
    """Return the column of a residual map that holds the residuals."""
    gradient = config["metallicity_residuals"][residual]["gradient"]
    base, unit = split_unit(config["metallicity_gradients"][gradient]["quantity"])
    return join_unit(f"{base}_residual", unit)


def overdensity_table(spec):
    """Return the table of a density contrast: of a sample, or published."""
    if spec["name"]:
        return f"results/maps/{spec['source']}/overdensity_{spec['name']}.parquet"
    return f"results/maps/{spec['source']}/published_map.parquet"


def overdensity_behind(wildcards):
    """Return the density contrast whose contours are drawn over a residual map, if one is declared."""
    spec = of_residual("overdensity")(wildcards)
    return overdensity_table(spec) if spec else []


def samples_of_gradient(gradient):
    """Return the samples of this atlas that a gradient is fitted to."""
    return [sample for sample in config["metallicity_gradients"][gradient]["samples"] if sample in SAMPLES]


def of_samples(path):
    """Return an input function: the path for each sample of a gradient."""
    return lambda wildcards: [
        path.format(sample=sample, gradient=wildcards.gradient) for sample in samples_of_gradient(wildcards.gradient)
    ]


def members_of_samples(wildcards):
    """Return the memberships of the samples of a gradient that cuts the halo."""
    if not of_gradient("halo_cut")(wildcards):
        return []
    return of_samples("results/phase_space/membership/{sample}.parquet")(wildcards)


def membership_of_check(wildcards):
    """Return the membership of the sample of a check of a gradient that cuts the halo."""
    check = config["checks"]["metallicity_gradients"][wildcards.check]
    has_cut = config["metallicity_gradients"][check["gradient"]]["halo_cut"]
    return f"results/phase_space/membership/{check['sample']}.parquet" if has_cut else []


ARMS = str(ROOT / "resources/reid2019_arms.csv") if config["figures"]["arms"] else []
PUBLISHED_GRADIENTS = [
    str(ROOT / f"resources/{table}.csv") for table in ("hawkins2023_gradients", "published_gradients")
]


wildcard_constraints:
    smoothed=one_of(config["smoothed_maps"]),
    response=one_of(config["spiral_responses"]),
    reduction=one_of(config["spiral_reductions"]),
