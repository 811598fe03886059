"""discatlas: from stellar catalogues to maps, models and figures of the Milky Way's disc."""

from snakemake.utils import min_version

min_version("9.6")


configfile: f"{workflow.basedir}/config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/simulation.smk"
include: "workflow/rules/catalogue.smk"
include: "workflow/rules/phase_space.smk"
include: "workflow/rules/maps.smk"
include: "workflow/rules/fits.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/checks.smk"


rule all:
    """Everything that the config asks for: maps, fits, figures and checks of every sample in atlas.samples."""
    default_target: True
    input:
        MAPS + TABLES + VISITS + FITS + FIGURES,
        "results/checks/atlas.json",


rule phase_space:
    """The phase space of every sample."""
    input:
        expand("results/phase_space/{sample}.parquet", sample=SAMPLES),


rule maps:
    """The map tables, and those of profiles to publish."""
    input:
        MAPS + TABLES,


rule fits:
    """The fits: velocity fields, rotation curves, metallicity gradients, spiral responses."""
    input:
        FITS,


rule figures:
    """The figures."""
    input:
        FIGURES,


rule mocks:
    """On demand: test particles under one spiral against the linear response, and the reduction of warm discs."""
    input:
        MOCKS,
