"""Figures of smoothed maps and spiral responses as PDF and PNG, drawn from tables alone.

INPUTS   results/maps/{sample}/map_smoothed_{smoothed}.parquet, results/fits/{source}/spiral_*, results/galaxies/spiral_*
OUTPUTS  results/figures/{sample}/smoothed_map_{smoothed}-{page}.pdf, {source}/spiral_response_{response}-{page}.pdf,
         {source}/spiral_scan_{response}.pdf, and .png
"""


rule plot_smoothed_map:
    """The pages of a smoothed map: mean, error and counts, and the unsmoothed velocities."""
    input:
        cells="results/maps/{sample}/map_smoothed_{smoothed}.parquet",
        arms=ARMS,
    output:
        pdf=expand("results/figures/{{sample}}/smoothed_map_{{smoothed}}-{page}.pdf", page=SMOOTHED_PAGES),
        png=report(
            expand("results/figures/{{sample}}/smoothed_map_{{smoothed}}-{page}.png", page=SMOOTHED_PAGES),
            caption="../report/smoothed_map.rst",
            category="{sample}",
            subcategory="smoothed map {smoothed}",
        ),
    params:
        pages=SMOOTHED_PAGES,
        R0_kpc=lambda wildcards: solar_set(wildcards)["R0_kpc"],
        z_sun_kpc=lambda wildcards: solar_set(wildcards)["z_sun_kpc"],
        title=of_sample("title"),
        objects=of_sample("objects"),
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_smoothed_map"),
    log:
        "logs/plot_smoothed_map/{sample}/{smoothed}.log",
    benchmark:
        "benchmarks/plot_smoothed_map/{sample}/{smoothed}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_smoothed_map.py"


rule plot_spiral_response:
    """The pages of a spiral response: maps, posterior, spread, resonances, arms, gallery, degeneracies."""
    input:
        cells=smoothed_cells,
        posterior="results/fits/{source}/spiral_response_{response}.parquet",
        summary="results/fits/{source}/spiral_response_{response}.json",
        fit_map="results/fits/{source}/spiral_response_{response}_map.parquet",
        profile="results/fits/{source}/spiral_response_{response}_profile.parquet",
        loci="results/fits/{source}/spiral_response_{response}_loci.parquet",
        gallery="results/fits/{source}/spiral_response_{response}_gallery.parquet",
        degeneracy="results/fits/{source}/spiral_response_{response}_degeneracy.parquet",
        arms=str(ROOT / "resources/reid2019_arms.csv"),
        other_arms=str(ROOT / "resources/other_arms.csv"),
    output:
        pdf=expand("results/figures/{{source}}/spiral_response_{{response}}-{page}.pdf", page=RESPONSE_PAGES),
        png=report(
            expand("results/figures/{{source}}/spiral_response_{{response}}-{page}.png", page=RESPONSE_PAGES),
            caption="../report/spiral_response.rst",
            category="{source}",
            subcategory="spiral response {response}",
        ),
    params:
        pages=RESPONSE_PAGES,
        references=of_response("references"),
        z_sun_kpc=lambda wildcards: sun_of(wildcards.source)["z_sun_kpc"],
        title=lambda wildcards: title_of(wildcards.source),
        objects=lambda wildcards: objects_of(wildcards.source),
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_spiral_response"),
    log:
        "logs/plot_spiral_response/{source}/{response}.log",
    benchmark:
        "benchmarks/plot_spiral_response/{source}/{response}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_spiral_response.py"


rule plot_spiral_scan:
    """What the fits say for each fixed pattern speed."""
    input:
        scan="results/fits/{source}/spiral_scan_{response}.parquet",
    output:
        pdf="results/figures/{source}/spiral_scan_{response}.pdf",
        png=report(
            "results/figures/{source}/spiral_scan_{response}.png",
            caption="../report/spiral_scan.rst",
            category="{source}",
            subcategory="spiral response {response}",
        ),
    params:
        R_limits_kpc=of_response("R_limits_kpc"),
        m=of_response("m"),
        title=lambda wildcards: title_of(wildcards.source),
        dpi=config["figures"]["dpi"],
        library=library("plot_spiral_scan"),
    log:
        "logs/plot_spiral_scan/{source}/{response}.log",
    benchmark:
        "benchmarks/plot_spiral_scan/{source}/{response}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_spiral_scan.py"
