"""Figures of models with a bar and spirals beside the stars.

INPUTS   results/fits/barred_models/{model}/*.parquet, results/maps/{sample}/*.parquet
OUTPUTS  results/figures/barred_models/*.pdf and .png, results/figures/{source}/bar_strip_{strip}.pdf and .png
"""


rule plot_velocity_plane:
    """Velocities and actions at one place: data, equilibrium and models, with the resonances of the bar."""
    input:
        tables=tables_of_plane(""),
        lines=tables_of_plane("_lines"),
        actions=tables_of_plane("_actions"),
        summaries=tables_of_plane("", "json"),
    output:
        pdf="results/figures/barred_models/velocity_plane_{plane}.pdf",
        png=report(
            "results/figures/barred_models/velocity_plane_{plane}.png",
            caption="../report/velocity_plane.rst",
            category="models",
            subcategory="velocity plane {plane}",
        ),
    params:
        names=lambda wildcards: titles_of_models(of_plane("models")(wildcards)),
        data_name=lambda wildcards: title_of_data(of_plane("data")(wildcards)),
        v_sun_kms=sun_of_plane,
        title=lambda wildcards: wildcards.plane.replace("_", " "),
        dpi=config["figures"]["dpi"],
        library=library("plot_velocity_plane"),
    log:
        "logs/plot_velocity_plane/{plane}.log",
    benchmark:
        "benchmarks/plot_velocity_plane/{plane}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_velocity_plane.py"


rule plot_bar_strip:
    """The strip of fast outward stars with the best bar, and how well other speeds and ages do."""
    input:
        scan="results/fits/{source}/bar_strip_{strip}.parquet",
        profile="results/fits/{source}/bar_strip_{strip}_profile.parquet",
        summary="results/fits/{source}/bar_strip_{strip}.json",
    output:
        pdf="results/figures/{source}/bar_strip_{strip}.pdf",
        png=report(
            "results/figures/{source}/bar_strip_{strip}.png",
            caption="../report/bar_strip.rst",
            category="{source}",
            subcategory="bar strip {strip}",
        ),
    params:
        title=lambda wildcards: title_of_data(wildcards.source),
        dpi=config["figures"]["dpi"],
        library=library("plot_bar_strip"),
    wildcard_constraints:
        source=one_of([*config["samples"], *config["published_histograms"]]),
    log:
        "logs/plot_bar_strip/{source}/{strip}.log",
    benchmark:
        "benchmarks/plot_bar_strip/{source}/{strip}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_bar_strip.py"


rule plot_disc_map:
    """Medians of v_R, J_R and v_phi over the disc: data, models and what is left."""
    input:
        predicted=maps_of_models("disc_map"),
        loci=maps_of_models("disc_map", "_loci"),
        observed=observed_maps,
        overdensity=overdensity_of_map,
    output:
        pdf=["results/figures/barred_models/disc_map_{disc_map}-{page}.pdf"],
        png=report(
            ["results/figures/barred_models/disc_map_{disc_map}-{page}.png"],
            caption="../report/disc_map.rst",
            category="models",
            subcategory="disc map {disc_map}",
        ),
    params:
        pages=lambda wildcards: [wildcards.page],
        models=lambda wildcards: titles_of_models(of_disc_map("models")(wildcards)),
        sources=lambda wildcards: [title_of(source) for source in sources_of_map(wildcards.disc_map)],
        R0_kpc=lambda wildcards: sun_of_map(wildcards.disc_map)["R0_kpc"],
        z_sun_kpc=lambda wildcards: sun_of_map(wildcards.disc_map)["z_sun_kpc"],
        title=lambda wildcards: f"Map of the disc: {wildcards.disc_map}",
        objects=lambda wildcards: objects_of_map(wildcards.disc_map),
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_disc_map"),
    log:
        "logs/plot_disc_map/{disc_map}_{page}.log",
    benchmark:
        "benchmarks/plot_disc_map/{disc_map}_{page}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_disc_map.py"


rule plot_angular_momentum_plane:
    """Median v_R against azimuth and angular momentum: data and models."""
    input:
        predicted=planes_of_momentum("models", "results/fits/barred_models/{name}"),
        observed=planes_of_momentum("samples", "results/maps/{name}"),
    output:
        pdf="results/figures/barred_models/angular_momentum_plane_{momentum}.pdf",
        png=report(
            "results/figures/barred_models/angular_momentum_plane_{momentum}.png",
            caption="../report/angular_momentum_plane.rst",
            category="models",
            subcategory="angular momentum {momentum}",
        ),
    params:
        models=lambda wildcards: titles_of_models(of_momentum("models")(wildcards)),
        samples=lambda wildcards: [
            title_of(sample) for sample in of_momentum("samples")(wildcards) if sample in SAMPLES
        ],
        title=lambda wildcards: f"Azimuth and angular momentum: {wildcards.momentum}",
        objects="stars",
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_angular_momentum_plane"),
    log:
        "logs/plot_angular_momentum_plane/{momentum}.log",
    benchmark:
        "benchmarks/plot_angular_momentum_plane/{momentum}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_angular_momentum_plane.py"
