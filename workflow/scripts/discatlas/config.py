"""The config: defaults filled in, checked against the schema and across its keys, errors of one line each."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from discatlas.config_checks import CROSS_CHECKS
from discatlas.errors import DiscatlasError, nearest

Config = dict[str, Any]
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
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        return [fill_defaults(entry, schema["items"], root) for entry in value]
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
    published = {
        f"{section}.{name}": spec
        for section in ("published_maps", "published_histograms")
        for name, spec in config[section].items()
    }
    for name, spec in published.items():
        for key in ("path", "x_kpc", "y_kpc"):
            if isinstance(spec.get(key), str) and not (path := Path(config["data_folder"]) / spec[key]).exists():
                raise ConfigError(
                    f"config: {name}.{key}: no file {path} ({spec['citation']}); put it there, or point data_folder or {key} at it"
                )
