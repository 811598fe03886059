"""The checked config, the names that wildcards may take, the targets, and what every rule shares.

INPUTS   config (config/config.yaml and overlays), workflow/schemas/config.schema.yaml
OUTPUTS  results/run_config.yaml when a run starts
"""

import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir)
SCRIPTS = ROOT / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from discatlas.config import complete_config, required_files
from discatlas.contracts import join_unit, split_unit
from discatlas.digests import kernel_digest, script_digest
from discatlas.errors import DiscatlasError
from discatlas.files import write_text
from discatlas.record import run_record
from discatlas.runtime import set_environment
from discatlas.gradients.pages import PAGES as GRADIENT_PAGES
from discatlas.spiral_pages import RESPONSE_PAGES, SMOOTHED_PAGES
from discatlas.velocity_field.pages import PAGES

SCHEMA = yaml.load(
    (ROOT / "workflow/schemas/config.schema.yaml").read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
)

try:
    config = complete_config(config, SCHEMA)
    required_files(config)
except DiscatlasError as error:
    raise WorkflowError(str(error))

set_environment(ROOT, config["threads"], kernel_digest(SCRIPTS))

SAMPLES = config["atlas"]["samples"]


def one_of(names):
    """Return a wildcard constraint that matches just these names."""
    return "|".join(names) or "-"


def catalogues(*sources):
    """Return the names of the catalogues that come from these sources."""
    return [name for name, spec in config["catalogues"].items() if spec["source"] in sources]


def maps_of(sample, n_axes=(1, 2)):
    """Return the names of the maps of a sample, those with this number of axes."""
    return [name for name, spec in config["maps"].items() if sample in spec["samples"] and len(spec["axes"]) in n_axes]


def of_named(section, wildcard):
    """Return a function of a key: for params, that key of the entry of a config section which a wildcard names."""
    return lambda key: lambda wildcards: config[section][getattr(wildcards, wildcard)][key]


of_potential = of_named("potentials", "potential")
of_catalogue = of_named("catalogues", "catalogue")
of_sample = of_named("samples", "sample")
of_map = of_named("maps", "map")
of_field = of_named("velocity_fields", "field")


def solar_set(wildcards):
    """Return the solar set of the sample."""
    return config["sun"][config["samples"][wildcards.sample]["sun"]]


def library(script):
    """Return the digest of the library code that a script reaches, so that an edit there runs the rule again."""
    return script_digest(SCRIPTS, script)


def raw_file(wildcards):
    """Return the file that a catalogue is read from: the user's own, the downloaded or the simulated one."""
    spec = config["catalogues"][wildcards.catalogue]
    if spec["source"] == "file":
        return str(Path(config["data_folder"]) / spec["path"])
    return f"results/catalogues/raw/{wildcards.catalogue}"


def origin(wildcards):
    """Return where a catalogue comes from, for its provenance: the declared path or address, never a machine's."""
    spec = config["catalogues"][wildcards.catalogue]
    if spec["source"] == "simulation":
        return f"survey {spec['survey']} of the simulated galaxy {spec['galaxy']}"
    return spec["url"] if spec["source"] == "url" else Path(spec["path"]).name


def density_map(wildcards):
    """Return the map of counts that is drawn behind a profile, if one is declared."""
    name = config["maps"][wildcards.map]["density"]
    return [f"results/maps/{wildcards.sample}/map_{name}.parquet"] if name else []


def checks_of(kind):
    """Return the names of the declared checks of the samples in this atlas."""
    return [name for name, spec in config["checks"][kind].items() if spec["sample"] in SAMPLES]


def of_check(kind, key):
    """Return a function that gives one config key of a check, for params."""
    return lambda wildcards: config["checks"][kind][wildcards.check][key]


def check_input(kind, path):
    """Return a function that gives a path of a check with its entry's names and its sample's catalogue filled in."""

    def filled(wildcards):
        check = config["checks"][kind][wildcards.check]
        return path.format(**check, catalogue=config["samples"][check["sample"]]["catalogue"])

    return filled


wildcard_constraints:
    field=one_of(config["velocity_fields"]),
    potential=one_of(config["potentials"]),
    galaxy=one_of(config["galaxies"]),
    sample=one_of(config["samples"]),
    catalogue=one_of(config["catalogues"]),
    map=one_of(config["maps"]),
    gradient=one_of(config["metallicity_gradients"]),
    residual=one_of(config["metallicity_residuals"]),
    variation=one_of(config["azimuthal_variations"]),
    overdensity=one_of(config["overdensities"]),
    comparison=one_of(config["overdensity_comparisons"]),
    published=one_of(config["published_maps"]),
    source=one_of([*config["samples"], *config["published_maps"]]),
    mock=one_of(config["spiral_mocks"]),
    quantity=r"[A-Za-z][A-Za-z0-9_]*",


onstart:
    write_text(Path("results/run_config.yaml"), run_record(config, ROOT))


include: "common_simulation.smk"
include: "common_fits.smk"
include: "common_sources.smk"
include: "common_young_stars.smk"
include: "common_models.smk"
include: "common_model_figures.smk"
include: "common_model_fits.smk"
