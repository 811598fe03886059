"""The config: defaults filled in, checked against the schema and across its keys, errors of one line each."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from discatlas.contracts import load_contract
from discatlas.cuts import compile_cut
from discatlas.distances import required_columns
from discatlas.errors import DiscatlasError, nearest
from discatlas.maps.grids import Grid
from discatlas.simulation import COLUMNS
from discatlas.velocities import check_corrections

Config = dict[str, Any]
MIN_WEIGHTED_STARS = (
    30  # at 3 stars in a cell weighted fits scatter 2.3 times as much as plain ones, at 30 by 1.04 (simulated)
)
Schema = Mapping[str, Any]


class ConfigError(DiscatlasError):
    """The config does not say what it must; the message names the key, the value and the nearest known name."""


def complete_config(config: Config, schema: Schema) -> Config:
    """Return the config with every default filled in, after both passes of checks.

    Raises
    ------
    ConfigError
        For the first thing that is wrong: an unknown key, a value out of bounds, a name that nothing declares.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=_priority)
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise ConfigError(_explain(errors[0]) + more)
    complete = fill_defaults(deepcopy(config), schema, schema)
    for check in CROSS_CHECKS:
        for message in check(complete):
            raise ConfigError(f"config: {message}")
    return complete


def _priority(error: ValidationError) -> tuple[bool, bool, list[str]]:
    """Unknown keys first: a misspelt key is also a missing one, and the misspelling explains both."""
    return (
        error.validator != "additionalProperties",
        error.validator == "required",
        [str(part) for part in error.absolute_path],
    )


def _explain(error: ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    at = f"config: {where}" if where else "config"
    match error.validator:
        case "additionalProperties":
            known = error.schema["properties"]
            key = sorted(set(error.instance) - set(known))[0]
            return f"{at}: unknown key {key!r}{nearest(key, known)}; known here: {', '.join(sorted(known))}"
        case "required":
            key = next(key for key in error.validator_value if key not in error.instance)
            return f"{at}: key {key!r} is missing; it must be given"
        case "enum":
            expected = ", ".join(map(str, error.validator_value))
            return f"{at}: got {error.instance!r}, expected one of {expected}{nearest(str(error.instance), map(str, error.validator_value))}"
        case "propertyNames" | "pattern":
            return f"{at}: got {error.instance!r}, expected the form {error.validator_value!r}"
        case "anyOf" | "oneOf":
            return f"{at}: got {_short(error.instance)}, which fits none of the allowed forms ({_short(error.schema.get('description', 'see the schema'))})"
    meaning = error.schema.get("description", "")
    return f"{at}: got {_short(error.instance)}: {error.message.removeprefix(repr(error.instance)).strip()}. {meaning}".rstrip()


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def resolve(schema: Schema, root: Schema) -> Schema:
    """Return the schema that a ``$ref`` into ``$defs`` points to, with the keys beside it on top."""
    if "$ref" not in schema:
        return schema
    target = resolve(root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], root)
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def branch(schema: Schema, value: object, root: Schema) -> Schema:
    """Return the closed schema that applies to `value` where `schema` chooses one by ``if`` and ``then``."""
    schema = resolve(schema, root)
    for option in schema.get("allOf", []):
        if Draft202012Validator(option["if"]).is_valid(value):
            return resolve(option["then"], root)
    return schema


def fill_defaults(value: Any, schema: Schema, root: Schema) -> Any:  # noqa: ANN401
    """Fill the defaults of the schema into `value`, in place at every level; return it."""
    schema = branch(schema, value, root)
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    for key, leaf in known.items():
        leaf = resolve(leaf, root)  # noqa: PLW2901
        if key not in value and "default" in leaf:
            value[key] = deepcopy(leaf["default"])
    for key in value:
        below = known.get(key, schema.get("additionalProperties"))
        if isinstance(below, Mapping):
            value[key] = fill_defaults(value[key], below, root)
    return value


def _known(where: str, name: str, options: Mapping[str, Any] | list[str], kind: str) -> Iterator[str]:
    if name not in options:
        yield f"{where}: {kind} {name!r} is not declared{nearest(name, options)}; declared: {', '.join(options)}"


def _check_names(config: Config) -> Iterator[str]:
    for i, sample in enumerate(config["atlas"]["samples"]):
        yield from _known(f"atlas.samples.{i}", sample, config["samples"], "sample")
    for name, catalogue in config["catalogues"].items():
        if catalogue["source"] == "simulation":
            yield from _known(f"catalogues.{name}.sun", catalogue["sun"], config["sun"], "solar set")
    for name, sample in config["samples"].items():
        yield from _known(f"samples.{name}.catalogue", sample["catalogue"], config["catalogues"], "catalogue")
        yield from _known(f"samples.{name}.sun", sample["sun"], config["sun"], "solar set")
    for name, spec in config["maps"].items():
        for sample in spec["samples"]:
            yield from _known(f"maps.{name}.samples", sample, config["samples"], "sample")
        if spec["density"]:
            yield from _known(f"maps.{name}.density", spec["density"], config["maps"], "map")
    for name, spec in config["velocity_fields"].items():
        for sample in spec["samples"]:
            yield from _known(f"velocity_fields.{name}.samples", sample, config["samples"], "sample")
    for kind, checks in config["checks"].items():
        for name, check in checks.items():
            yield from _known(f"checks.{kind}.{name}.sample", check["sample"], config["samples"], "sample")


def _check_maps(config: Config) -> Iterator[str]:
    for name, spec in config["maps"].items():
        try:
            Grid(tuple(spec["axes"]), spec["cell_shape"], tuple(spec["cell_size"]), tuple(map(tuple, spec["limits"])))
        except DiscatlasError as error:
            yield f"maps.{name}: {error}"
        yield from _check_density(name, spec, config["maps"])
        for sample in spec["samples"]:
            columns = phase_space_columns(config["samples"][sample])
            for quantity in spec["quantities"]:
                if quantity not in columns:
                    yield f"maps.{name}.quantities: {quantity!r} is not in the phase space of {sample}{nearest(quantity, columns)}; samples.{sample}.keep_columns carries catalogue columns along"
            yield from _check_expression(f"maps.{name}.selection", spec["selection"], columns)


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


def _check_expression(where: str, expression: str | None, columns: list[str]) -> Iterator[str]:
    if expression is None:
        return
    try:
        compile_cut(expression, columns)
    except DiscatlasError as error:
        yield f"{where}: {error}"


def phase_space_columns(sample: Config) -> list[str]:
    """Return the columns that the phase space of a sample will hold, from its declaration."""
    standard = [column.name for column in load_contract("phase_space").columns if not column.optional]
    return standard + [column for column in sample["keep_columns"] if column not in standard]


def catalogue_columns(catalogue: Config) -> list[str]:
    """Return the columns that a catalogue will hold, from its declaration."""
    if catalogue["source"] == "simulation":
        return list(COLUMNS)
    return ["source_id", *(name for name in catalogue["columns"] if name != "source_id")]


def _check_samples(config: Config) -> Iterator[str]:
    for name, sample in config["samples"].items():
        catalogue = config["catalogues"][sample["catalogue"]]
        distance = ["distance_kpc", "distance_error_kpc", "distance_lo_kpc", "distance_hi_kpc"]
        present = catalogue_columns(catalogue)
        yield from _check_steps(f"samples.{name}", sample, present)
        columns = present + distance
        for i, cut in enumerate(sample["cuts"]):
            yield from _check_expression(f"samples.{name}.cuts.{i}.expression", cut["expression"], columns)
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
        yield from _check_expression(f"checks.statistics.{name}.selection", check["selection"], columns)
    for name, check in config["checks"]["simulations"].items():
        if check["sample"] not in made:
            continue
        yield from _known(f"checks.simulations.{name}.map", check["map"], config["maps"], "map")
        spec = config["maps"].get(check["map"], {})
        if spec and (
            spec["axes"] != ["X_kpc", "Y_kpc"]
            or "v_R_kms" not in spec["quantities"]
            or check["sample"] not in spec["samples"]
        ):
            yield f"checks.simulations.{name}.map: {check['map']!r} must map v_R_kms on X_kpc and Y_kpc for {check['sample']!r}"
        catalogue = config["samples"][check["sample"]]["catalogue"]
        if config["catalogues"][catalogue]["source"] != "simulation":
            yield f"checks.simulations.{name}.sample: catalogue {catalogue!r} is not a simulation"
    for name, check in config["checks"]["velocity_fields"].items():
        fields = config["velocity_fields"]
        yield from _known(f"checks.velocity_fields.{name}.field", check["field"], fields, "velocity field")
        if check["field"] in fields and check["sample"] not in fields[check["field"]]["samples"]:
            yield f"checks.velocity_fields.{name}.field: {check['field']!r} is not made for sample {check['sample']!r}; add it to velocity_fields.{check['field']}.samples"


CROSS_CHECKS: tuple[Callable[[Config], Iterator[str]], ...] = (
    _check_names,
    _check_columns,
    _check_samples,
    _check_maps,
    _check_fields,
    _check_checks,
)


def catalogue_path(config: Config, name: str) -> Path:
    """Return the file of a catalogue with source file."""
    return Path(config["data_folder"]) / config["catalogues"][name]["path"]


def required_files(config: Config) -> None:
    """Raise a ConfigError for the first file that the atlas needs and that is not there."""
    for sample in config["atlas"]["samples"]:
        name = config["samples"][sample]["catalogue"]
        if config["catalogues"][name]["source"] == "file" and not catalogue_path(config, name).exists():
            path, citation = catalogue_path(config, name), config["catalogues"][name]["citation"]
            raise ConfigError(
                f"config: catalogues.{name}.path: no file {path} ({citation}); put it there, or point data_folder or path at it"
            )
