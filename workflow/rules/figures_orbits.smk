"""Figures of moving groups, of orbits, and of the test of backward integration.

INPUTS   results/fits/**/ridges_*, solar_orbit_*, trace_*; results/phase_space/orbits/{sample}.parquet
OUTPUTS  results/figures/{sample}/ridges_{ridges}_{model}-{page}.pdf and .png, orbits.pdf and .png, results/figures/barred_models/solar_orbit_*, trace_*
"""


rule plot_ridges:
    """The ridges of a sample over the density of a model, and those of the model over the stars."""
    input:
        sample_ridges="results/fits/{sample}/ridges_{ridges}.parquet",
        sample_density="results/fits/{sample}/ridges_{ridges}_density.parquet",
        model_ridges="results/fits/barred_models/{model}/ridges_{ridges}.parquet",
        model_density="results/fits/barred_models/{model}/ridges_{ridges}_density.parquet",
        summary="results/fits/{sample}/ridges_{ridges}_{model}.json",
    output:
        pdf=expand("results/figures/{{sample}}/ridges_{{ridges}}_{{model}}-{page}.pdf", page=RIDGE_PAGES),
        png=report(
            expand("results/figures/{{sample}}/ridges_{{ridges}}_{{model}}-{page}.png", page=RIDGE_PAGES),
            caption="../report/ridges.rst",
            category="{sample}",
            subcategory="ridges {ridges} {model}",
        ),
    params:
        pages=RIDGE_PAGES,
        marked_kms=205.0,
        title=lambda wildcards: title_of(wildcards.sample),
        objects=lambda wildcards: objects_of(wildcards.sample),
        model_words=lambda wildcards: titles_of_models([wildcards.model])[0],
        dpi=config["figures"]["dpi"],
        library=library("plot_ridges"),
    log:
        "logs/plot_ridges/{sample}/{ridges}_{model}.log",
    benchmark:
        "benchmarks/plot_ridges/{sample}/{ridges}_{model}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_ridges.py"


rule plot_orbits:
    """Guiding radii, eccentricities, actions and heights of the orbits of a sample, with and without bar and spirals."""
    input:
        orbits="results/phase_space/orbits/{sample}.parquet",
    output:
        pdf="results/figures/{sample}/orbits.pdf",
        png=report(
            "results/figures/{sample}/orbits.png",
            caption="../report/orbits.rst",
            category="{sample}",
            subcategory="orbits",
        ),
    params:
        title=lambda wildcards: title_of(wildcards.sample),
        dpi=config["figures"]["dpi"],
        library=library("plot_orbits"),
    log:
        "logs/plot_orbits/{sample}.log",
    benchmark:
        "benchmarks/plot_orbits/{sample}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_orbits.py"


rule plot_solar_orbit:
    """The radius of the Sun and the surface density along its orbit, with and without bar and spirals."""
    input:
        solar_orbit="results/fits/solar_orbit_{solar_orbit}.parquet",
        summary="results/fits/solar_orbit_{solar_orbit}.json",
    output:
        pdf="results/figures/barred_models/solar_orbit_{solar_orbit}.pdf",
        png=report(
            "results/figures/barred_models/solar_orbit_{solar_orbit}.png",
            caption="../report/orbits.rst",
            category="models",
            subcategory="solar orbit {solar_orbit}",
        ),
    params:
        title=lambda wildcards: titles_of_models([of_solar_orbit("model")(wildcards)])[0],
        dpi=config["figures"]["dpi"],
        library=library("plot_solar_orbit"),
    log:
        "logs/plot_solar_orbit/{solar_orbit}.log",
    benchmark:
        "benchmarks/plot_solar_orbit/{solar_orbit}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_solar_orbit.py"


rule plot_trace:
    """Associations where they were, and where they are traced back to without bar and spirals."""
    input:
        trace_table="results/fits/trace_{trace}.parquet",
        summary="results/fits/trace_{trace}.json",
    output:
        pdf="results/figures/barred_models/trace_{trace}.pdf",
        png=report(
            "results/figures/barred_models/trace_{trace}.png",
            caption="../report/orbits.rst",
            category="models",
            subcategory="trace {trace}",
        ),
    params:
        title=lambda wildcards: titles_of_models([of_trace("model")(wildcards)])[0],
        dpi=config["figures"]["dpi"],
        library=library("plot_trace"),
    log:
        "logs/plot_trace/{trace}.log",
    benchmark:
        "benchmarks/plot_trace/{trace}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_trace.py"
