"""What the schema of the config cannot say: names that must be declared, columns that must be there, physics that must be possible."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from discatlas.config_checks_fits import FIT_CHECKS
from discatlas.config_checks_models import MODEL_CHECKS
from discatlas.config_checks_young import YOUNG_CHECKS, added_columns
from discatlas.config_columns import check_expression, known, phase_space_columns, star_columns
from discatlas.contracts import error_column, load_contract
from discatlas.distances import required_columns
from discatlas.dynamics.density import DensityModel
from discatlas.dynamics.modes import Bar, Perturbation, Spiral
from discatlas.errors import DiscatlasError, nearest
from discatlas.maps.grids import Grid
from discatlas.simulation.chemistry import Chemistry
from discatlas.simulation.mean_field import MeanFieldModel
from discatlas.simulation.orbits import OrbitModel
from discatlas.simulation.stars import StarSampling
from discatlas.simulation.surveys.observe import survey_parameters
from discatlas.velocities import check_corrections

Config = dict[str, Any]
MIN_WEIGHTED_STARS = (
    30  # at 3 stars in a cell weighted fits scatter 2.3 times as much as plain ones, at 30 by 1.04 (simulated)
)


def _check_names(config: Config) -> Iterator[str]:
    for i, sample in enumerate(config["atlas"]["samples"]):
        yield from known(f"atlas.samples.{i}", sample, config["samples"], "sample")
    for name, catalogue in config["catalogues"].items():
        if catalogue["source"] == "simulation":
            yield from known(f"catalogues.{name}.sun", catalogue["sun"], config["sun"], "solar set")
            yield from known(f"catalogues.{name}.galaxy", catalogue["galaxy"], config["galaxies"], "galaxy")
            yield from known(f"catalogues.{name}.survey", catalogue["survey"], config["surveys"], "survey")
    for name, sample in config["samples"].items():
        yield from known(f"samples.{name}.catalogue", sample["catalogue"], config["catalogues"], "catalogue")
        yield from known(f"samples.{name}.sun", sample["sun"], config["sun"], "solar set")
    for name, spec in config["maps"].items():
        for sample in spec["samples"]:
            yield from known(f"maps.{name}.samples", sample, config["samples"], "sample")
        if spec["density"]:
            yield from known(f"maps.{name}.density", spec["density"], config["maps"], "map")
    for name, spec in config["velocity_fields"].items():
        for sample in spec["samples"]:
            yield from known(f"velocity_fields.{name}.samples", sample, config["samples"], "sample")
    for kind, checks in config["checks"].items():
        for name, check in checks.items():
            if kind in (
                "spiral_mocks",
                "backward_models",
                "barred_mocks",
                "spiral_posteriors",
                "velocities",
            ):  # of no sample
                continue
            yield from known(f"checks.{kind}.{name}.sample", check["sample"], config["samples"], "sample")


def _check_parts(config: Config) -> Iterator[str]:
    """Build potentials, patterns and surveys, so that an impossible one is refused under its own name at once."""
    builders = {
        "potentials": lambda entry: DensityModel.from_config(entry["model"]),
        "bars": Bar.from_config,
        "spirals": Spiral.from_config,
        "surveys": survey_parameters,
    }
    for section, build in builders.items():
        for name, entry in config[section].items():
            try:
                build(entry)
            except DiscatlasError as error:
                yield f"{section}.{name}: {error}"


def _check_galaxies(config: Config) -> Iterator[str]:
    """Build galaxies as far as the config alone decides."""
    for name, galaxy in config["galaxies"].items():
        where = f"galaxies.{name}"
        if galaxy["kind"] == "orbits":
            yield from known(f"{where}.potential", galaxy["potential"], config["potentials"], "potential")
            if galaxy["bar"]:
                yield from known(f"{where}.bar", galaxy["bar"], config["bars"], "bar")
            for spiral in galaxy["spirals"]:
                yield from known(f"{where}.spirals", spiral, config["spirals"], "spiral")
        try:
            _build_galaxy(config, galaxy)
        except DiscatlasError as error:
            yield f"{where}: {error}"


def _build_galaxy(config: Config, galaxy: Config) -> None:
    Chemistry.from_config(galaxy["chemistry"])
    StarSampling.from_config(galaxy["stars"])
    if galaxy["kind"] == "mean_field":
        MeanFieldModel.from_config(galaxy)
        return
    bar = config["bars"].get(galaxy["bar"])
    perturbation = Perturbation.from_config(bar, [config["spirals"][spiral] for spiral in galaxy["spirals"]])
    OrbitModel.from_config(galaxy, perturbation)


def _check_maps(config: Config) -> Iterator[str]:
    for name, spec in config["maps"].items():
        try:
            Grid(tuple(spec["axes"]), spec["cell_shape"], tuple(spec["cell_size"]), tuple(map(tuple, spec["limits"])))
        except DiscatlasError as error:
            yield f"maps.{name}: {error}"
        yield from _check_density(name, spec, config["maps"])
        for sample in spec["samples"]:
            columns = star_columns(config["samples"][sample], spec["tables"])
            for quantity in spec["quantities"]:
                if quantity not in columns:
                    yield f"maps.{name}.quantities: {quantity!r} is not in the phase space of {sample}{nearest(quantity, columns)}; samples.{sample}.keep_columns carries catalogue columns along"
            yield from check_expression(f"maps.{name}.selection", spec["selection"], columns)


def _check_fields(config: Config) -> Iterator[str]:
    for name, spec in config["velocity_fields"].items():
        where = f"velocity_fields.{name}"
        if spec["radius_kpc"] not in spec["radii_kpc"]:
            yield f"{where}.radius_kpc: got {spec['radius_kpc']:g}, expected one of radii_kpc: {spec['radii_kpc']}"
        if spec["min_trust"] < spec["min_fit"]:
            yield f"{where}.min_trust: got {spec['min_trust']}, expected at least min_fit ({spec['min_fit']})"
        if spec["weighted"] and spec["cell_kpc"] is not None and spec["min_stars"] < MIN_WEIGHTED_STARS:
            yield f"{where}.weighted: got true with min_stars {spec['min_stars']}, expected at least {MIN_WEIGHTED_STARS}: the error of a cell of few stars is itself noise, and such weights spoil the fit"
        for key in ("R_limits_kpc", "distance_limits_kpc"):
            if spec[key][0] >= spec[key][1]:
                yield f"{where}.{key}: got {spec[key]}, expected the lower limit first"


def _check_density(name: str, spec: Config, maps: Mapping[str, Config]) -> Iterator[str]:
    if not spec["density"]:
        return
    behind = maps[spec["density"]]
    wanted = [*spec["axes"], *spec["quantities"]]
    if len(spec["axes"]) != 1 or behind["axes"] != wanted:
        yield f"maps.{name}.density: {spec['density']!r} has axes {behind['axes']}, expected {wanted}: one profile, one quantity"
    for sample in spec["samples"]:
        if sample not in behind["samples"]:
            yield f"maps.{name}.density: {spec['density']!r} is not made for sample {sample!r}; add it to maps.{spec['density']}.samples"


def catalogue_columns(catalogue: Config) -> list[str]:
    """Return the columns that a catalogue will hold, from its declaration."""
    return ["source_id", *(name for name in catalogue["columns"] if name != "source_id")]


def _check_samples(config: Config) -> Iterator[str]:
    for name, sample in config["samples"].items():
        catalogue = config["catalogues"][sample["catalogue"]]
        distance = ["distance_kpc", "distance_error_kpc", "distance_lo_kpc", "distance_hi_kpc"]
        present = catalogue_columns(catalogue)
        yield from _check_steps(f"samples.{name}", sample, present)
        columns = present + distance + added_columns(sample)
        for i, cut in enumerate(sample["cuts"]):
            yield from check_expression(f"samples.{name}.cuts.{i}.expression", cut["expression"], columns)
        wanted = {"keep_columns": sample["keep_columns"], "duplicates.by": [sample["duplicates"]["by"]]}
        if sample["duplicates"]["keep"] in ("lowest", "highest"):
            wanted["duplicates.order_by"] = [sample["duplicates"]["order_by"] or "null"]
        for key, names in wanted.items():
            for column in names:
                if column not in columns:
                    yield f"samples.{name}.{key}: column {column!r} is not in catalogue {sample['catalogue']!r}{nearest(column, columns)}"
        names = [cut["name"] for cut in sample["cuts"]]
        for repeated in {cut for cut in names if names.count(cut) > 1}:
            yield f"samples.{name}.cuts: two cuts are named {repeated!r}; names must differ"


def _check_steps(where: str, sample: Config, present: list[str]) -> Iterator[str]:
    """Check that the catalogue has what the position, the distance and the corrections of a sample need."""
    for column in ("ra", "dec"):
        if column not in present:
            yield f"{where}: catalogue {sample['catalogue']!r} declares no column {column!r}; every sample needs it"
    try:
        required_columns(sample["distance"], present)
    except DiscatlasError as error:
        yield f"{where}.distance: {error}"
    try:
        check_corrections(sample["corrections"], present)
    except DiscatlasError as error:
        yield f"{where}.corrections: {error}"


def _check_columns(config: Config) -> Iterator[str]:
    standard = load_contract("catalogue").names
    for name, catalogue in config["catalogues"].items():
        for column, entry in catalogue.get("columns", {}).items():
            extra = isinstance(entry, dict) and {"description", "unit", "dtype"} <= set(entry)
            if column not in standard and not extra:
                yield f"catalogues.{name}.columns: {column!r} is not a standard column{nearest(column, standard)}; an extra one needs column, unit, dtype and description"


def _check_checks(config: Config) -> Iterator[str]:
    """Check the checks of the samples that are made; those of others wait until their sample is asked for."""
    made = config["atlas"]["samples"]
    for name, check in config["checks"]["statistics"].items():
        if check["sample"] not in made:
            continue
        columns = phase_space_columns(config["samples"][check["sample"]])
        if check["column"] not in columns:
            yield f"checks.statistics.{name}.column: {check['column']!r} is not in the phase space{nearest(check['column'], columns)}"
        yield from check_expression(f"checks.statistics.{name}.selection", check["selection"], columns)
    for kind in ("truths", "map_truths", "gradient_truths", "mean_fields"):
        for name, check in config["checks"][kind].items():
            if check["sample"] in made:
                yield from _check_simulation(config, kind, f"checks.{kind}.{name}", check)

    for name, check in config["checks"]["velocity_fields"].items():
        if check["sample"] in made:
            yield from _check_field_truth(config, f"checks.velocity_fields.{name}", check)


def _check_field_truth(config: Config, where: str, check: Config) -> Iterator[str]:
    """Check the comparison of a velocity field with the truth: the field is made for the sample, whose truth is known."""
    catalogue = config["catalogues"][config["samples"][check["sample"]]["catalogue"]]
    if catalogue["source"] != "simulation":
        yield f"{where}.sample: catalogue {config['samples'][check['sample']]['catalogue']!r} is not a simulation"
    elif check["against"] == "mean" and config["galaxies"][catalogue["galaxy"]]["kind"] != "mean_field":
        yield f"{where}.against: galaxy {catalogue['galaxy']!r} has no mean field that is known; its kind is orbits"
    fields = config["velocity_fields"]
    yield from known(f"{where}.field", check["field"], fields, "velocity field")
    if check["field"] in fields and check["sample"] not in fields[check["field"]]["samples"]:
        yield f"{where}.field: {check['field']!r} is not made for sample {check['sample']!r}; add it to velocity_fields.{check['field']}.samples"


def _check_simulation(config: Config, kind: str, where: str, check: Config) -> Iterator[str]:
    """Check one comparison with a truth: the sample is simulated, and what is compared is there."""
    sample = config["samples"][check["sample"]]
    catalogue = config["catalogues"][sample["catalogue"]]
    if catalogue["source"] != "simulation":
        yield f"{where}.sample: catalogue {sample['catalogue']!r} is not a simulation"
        return
    if kind == "truths":
        columns = [
            column for column in phase_space_columns(sample) if error_column(column) in phase_space_columns(sample)
        ]
        for column in check["columns"]:
            if column not in columns:
                yield f"{where}.columns: {column!r} with its error is not in the phase space{nearest(column, columns)}"
        return
    yield from known(f"{where}.map", check["map"], config["maps"], "map")
    spec = config["maps"].get(check["map"], {"samples": [], "quantities": [], "axes": []})
    if check["sample"] not in spec["samples"] or check["quantity"] not in spec["quantities"]:
        yield f"{where}.map: {check['map']!r} must map {check['quantity']} for {check['sample']!r}"
    if kind == "gradient_truths" and len(spec["axes"]) != 1:
        yield f"{where}.map: {check['map']!r} has axes {spec['axes']}, expected one: a profile"
    if kind == "mean_fields":
        if spec["axes"] != ["X_kpc", "Y_kpc"]:
            yield f"{where}.map: {check['map']!r} has axes {spec['axes']}, expected X_kpc and Y_kpc"
        if config["galaxies"][catalogue["galaxy"]]["kind"] != "mean_field":
            yield f"{where}.sample: galaxy {catalogue['galaxy']!r} has no mean field that is known; its kind is orbits"


CROSS_CHECKS: tuple[Callable[[Config], Iterator[str]], ...] = (
    _check_names,
    _check_parts,
    _check_galaxies,
    _check_columns,
    _check_samples,
    _check_maps,
    _check_fields,
    *FIT_CHECKS,
    *MODEL_CHECKS,
    *YOUNG_CHECKS,
    _check_checks,
)
