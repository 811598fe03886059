"""Figures of ages, and pages of maps of several samples, as PDF and PNG, drawn from tables alone.

INPUTS   results/samples, results/phase_space/ages, results/maps
OUTPUTS  results/figures/{sample}/ages.pdf, results/figures/pages/population_page_{page}.pdf, and .png
"""


rule plot_ages:
    """Ages of a sample: Kiel diagram, distribution, errors and single posteriors."""
    input:
        sample="results/samples/{sample}.parquet",
        ages="results/phase_space/ages/{sample}.parquet",
        posteriors="results/phase_space/ages/posteriors/{sample}.parquet",
        grid_folder=grid_folder,
    output:
        pdf="results/figures/{sample}/ages.pdf",
        png=report(
            "results/figures/{sample}/ages.png",
            caption="../report/ages.rst",
            category="{sample}",
            subcategory="ages",
        ),
    params:
        grid=of_ages("grid"),
        isochrone_log_ages=of_ages("isochrone_log_ages"),
        isochrone_feh_dex=of_ages("isochrone_feh_dex"),
        title=of_sample("title"),
        objects=of_sample("objects"),
        dpi=config["figures"]["dpi"],
        library=library("plot_ages"),
    log:
        "logs/plot_ages/{sample}.log",
    benchmark:
        "benchmarks/plot_ages/{sample}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/ages.yaml"
    script:
        "../scripts/plot_ages.py"


rule plot_cluster_ages:
    """Ages of clusters from their stars against those of the catalogue."""
    input:
        table="results/fits/{sample}/cluster_ages_{clusters}.parquet",
    output:
        pdf="results/figures/{sample}/cluster_ages_{clusters}.pdf",
        png=report(
            "results/figures/{sample}/cluster_ages_{clusters}.png",
            caption="../report/cluster_ages.rst",
            category="{sample}",
            subcategory="cluster ages {clusters}",
        ),
    params:
        title=of_sample("title"),
        catalogue_title=of_clusters("catalogue_title"),
        dpi=config["figures"]["dpi"],
        library=library("plot_cluster_ages"),
    log:
        "logs/plot_cluster_ages/{sample}/{clusters}.log",
    benchmark:
        "benchmarks/plot_cluster_ages/{sample}/{clusters}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_cluster_ages.py"


rule plot_population_page:
    """Maps of several samples with the same scales."""
    input:
        maps=lambda wildcards: [
            f"results/maps/{panel['sample']}/map_{panel['map']}.parquet" for panel in of_page("panels")(wildcards)
        ],
        overdensity=lambda wildcards: (
            overdensity_table(of_page("overdensity")(wildcards)) if of_page("overdensity")(wildcards) else []
        ),
        arms=ARMS,
    output:
        pdf="results/figures/pages/population_page_{page}.pdf",
        png=report(
            "results/figures/pages/population_page_{page}.png",
            caption="../report/population_page.rst",
            category="pages",
            subcategory="{page}",
        ),
    params:
        titles=lambda wildcards: [
            panel["title"] or config["samples"][panel["sample"]]["title"] for panel in of_page("panels")(wildcards)
        ],
        objects=of_panels("objects"),
        R0_kpc=of_panel_suns("R0_kpc"),
        z_sun_kpc=of_panel_suns("z_sun_kpc"),
        R_min_kpc=lambda wildcards: [panel["R_min_kpc"] for panel in of_page("panels")(wildcards)],
        quantities=of_page("quantities"),
        statistics=of_page("statistics"),
        title=of_page("title"),
        percentile=config["figures"]["colour_percentile"],
        dpi=config["figures"]["dpi"],
        library=library("plot_population_page"),
    log:
        "logs/plot_population_page/{page}.log",
    benchmark:
        "benchmarks/plot_population_page/{page}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_population_page.py"
