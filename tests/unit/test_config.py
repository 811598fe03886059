"""Config: defaults, both passes of checks, and the agreement of config, schema and README."""

import pytest
import yaml
from jsonschema import Draft202012Validator

from discatlas.config import (
    ConfigError,
    catalogue_columns,
    complete_config,
    phase_space_columns,
    required_files,
    resolve,
)
from discatlas.config_docs import options, renew
from places import ROOT


def put(config, path, value):
    *parents, last = path.split("/")
    for key in parents:
        config = config[int(key) if isinstance(config, list) else key]
    config[last] = value


WRONG = [
    ("sunn", 1, ["unknown key 'sunn'", "nearest: 'sun'"]),
    ("samples/simulated_disc/distanc", 1, ["samples.simulated_disc", "'distanc'", "nearest: 'distance'"]),
    ("maps/face_on/min_stars", 0, ["maps.face_on.min_stars", "got 0", "minimum of 1"]),
    ("maps/face_on/min_stars", "six", ["maps.face_on.min_stars", "got 'six'", "integer"]),
    ("catalogues/simulated_disc/source", "simulaton", ["got 'simulaton'", "nearest: 'simulation'"]),
    ("catalogues/simulated_disc/n_star", 5, ["unknown key 'n_star'", "nearest: 'n_stars'"]),
    ("samples/simulated_disc/distance", "geometrc", ["got 'geometrc'", "nearest: 'geometric'"]),
    ("samples/simulated_disc/sun", "astropy", ["solar set 'astropy'", "nearest: 'astropy_v4.0'"]),
    ("samples/simulated_disc/catalogue", "simulated_disk", ["'simulated_disk'", "nearest: 'simulated_disc'"]),
    ("atlas/samples", ["disc"], ["sample 'disc' is not declared", "simulated_disc"]),
    ("maps/face_on/selection", "abs(Zkpc) < 1", ["maps.face_on.selection", "no column 'Zkpc'", "nearest: 'Z_kpc'"]),
    ("maps/face_on/quantities", ["v_r_kms"], ["'v_r_kms'", "nearest: 'v_R_kms'"]),
    ("maps/face_on/quantities", ["teff_K"], ["'teff_K' is not in the phase space", "keep_columns"]),
    ("maps/face_on/limits", [[-3, -13], [-5, 5]], ["maps.face_on", "-3", "-13"]),
    ("maps/face_on/cell_size", [0.5], ["maps.face_on", "cell_size"]),
    ("maps/rotation/cell_shape", "hexagon", ["maps.rotation", "hexagon"]),
    ("maps/face_on/cell_size", [1.0, 1.0], ["maps.face_on", "Y_kpc", "10.4 cells of 1"]),
    ("maps/rotation/density", "face_on", ["maps.rotation.density", "X_kpc"]),
    ("samples/simulated_disc/keep_columns", ["feh"], ["'feh' is not in catalogue", "nearest: 'feh_dex'"]),
    ("samples/simulated_disc/duplicates", {"by": "source_id", "keep": "lowest"}, ["duplicates.order_by", "'null'"]),
    ("samples/simulated_disc/distance", "geometric", ["samples.simulated_disc.distance", "'r_med_geo'"]),
    ("samples/simulated_disc/corrections", ["velocity_error"], ["samples.simulated_disc.corrections", "'grvs_mag'"]),
    ("velocity_fields/taylor/weighted", True, ["velocity_fields.taylor.weighted", "min_stars 3", "at least 30"]),
    ("velocity_fields/taylor/radius_kpc", 2.0, ["velocity_fields.taylor.radius_kpc", "got 2", "radii_kpc"]),
    ("velocity_fields/taylor/errors", "plain", ["velocity_fields.taylor.errors", "robust", "akhmetov2024"]),
    (
        "checks/velocity_fields/truth",
        {"sample": "gaia_rvs", "field": "tailor", "against": "stars", "tolerance": 1.0},
        ["checks.velocity_fields.truth.field", "'tailor'", "(nearest: 'taylor')"],
    ),
    (
        "checks/velocity_fields/truth",
        {"sample": "gaia_rvs", "field": "taylor", "against": "mean", "tolerance": 1.0},
        ["checks.velocity_fields.truth.against", "'milky_way' has no mean field that is known"],
    ),
    ("velocity_fields/taylor/min_trust", 100, ["velocity_fields.taylor.min_trust", "min_fit (150)"]),
    ("samples/simulated_disc/cuts/0/expression", "ruwee < 1.4", ["cuts.0.expression", "'ruwee'", "nearest: 'ruwe'"]),
    ("samples/simulated_disc/cuts/0/name", "astrometry", ["two cuts are named 'astrometry'"]),
    ("figures/colour_percentile", 90, ["figures.colour_percentile", "got 90", "96"]),
    ("checks/simulations/simulated_wave/map", "meridional", ["'meridional' must map v_R_kms"]),
    ("seed", None, ["seed", "got None", "integer"]),
]


@pytest.mark.parametrize(("path", "value", "expected"), WRONG, ids=[f"{path}={value}"[:60] for path, value, _ in WRONG])
def test_each_mistake_is_named_in_two_lines_at_most(config, schema, path, value, expected):
    put(config, path, value)
    with pytest.raises(ConfigError) as error:
        complete_config(config, schema)
    message = str(error.value)
    for text in expected:
        assert text in message
    assert message.count("\n") <= 1


def test_mistyped_columns_of_a_catalogue(config, schema):
    entry = {"source": "file", "path": "x.csv", "format": "csv", "citation": "none", "columns": {"parralax": "Plx"}}
    config["catalogues"]["mine"] = entry
    with pytest.raises(ConfigError, match=r"'parralax' is not a standard column \(nearest: 'parallax'\)"):
        complete_config(config, schema)
    entry["columns"] = {"speed": {"column": "s", "unit": "km / s", "dtype": "float64", "description": "An extra one"}}
    assert "speed" in catalogue_columns(complete_config(config, schema)["catalogues"]["mine"])


def test_a_missing_file_is_named_with_its_citation(config, schema, tmp_path):
    config["data_folder"] = str(tmp_path)
    config["catalogues"]["mine"] = {
        "source": "file",
        "path": "x.csv",
        "format": "csv",
        "citation": "Someone 2020",
        "columns": {"ra": "a", "dec": "d", "parallax": "p", "parallax_error": "e"},
    }
    config["samples"]["mine"] = {
        "title": "mine",
        "catalogue": "mine",
        "sun": "zari2025",
        "distance": "inverse_parallax",
        "cuts": [],
    }
    config["atlas"]["samples"] = ["mine"]
    complete = complete_config(config, schema)
    with pytest.raises(ConfigError, match=r"catalogues\.mine\.path: no file .*x\.csv \(Someone 2020\)"):
        required_files(complete)
    (tmp_path / "x.csv").touch()
    required_files(complete)


def test_checks_of_samples_that_are_not_made_do_not_matter(config, schema):
    config["samples"]["other"] = config["samples"]["simulated_disc"]
    config["maps"]["face_on"]["samples"] = ["other"]
    with pytest.raises(ConfigError, match="'face_on' must map v_R_kms"):
        complete_config(config, schema)
    config["atlas"]["samples"] = ["other"]
    complete_config(config, schema)


def test_defaults_reach_named_entries(config, schema):
    del config["maps"]["face_on"]["estimator"], config["samples"]["simulated_disc"]["n_draws"]
    complete = complete_config(config, schema)
    assert complete["maps"]["face_on"]["estimator"] == "restricted"
    assert complete["samples"]["simulated_disc"]["n_draws"] == 1000
    assert "feh_dex" in phase_space_columns(complete["samples"]["simulated_disc"])


def test_default_config_spells_out_every_option(config, schema):
    assert complete_config(config, schema) == config


def leaves(schema, root, path=""):
    """Every leaf schema, with alternatives and list items: (path, schema)."""
    schema = resolve(schema, root)
    children = dict(schema.get("properties", {}))
    if isinstance(schema.get("additionalProperties"), dict):
        children["*"] = schema["additionalProperties"]
    for i, option in enumerate(schema.get("allOf", [])):
        children[f"then{i}"] = option["then"]
    for i, option in enumerate(schema.get("anyOf", [])):
        children[f"any{i}"] = option
    if not children:
        yield path, schema
    for key, child in children.items():
        yield from leaves(child, root, f"{path}.{key}")


def is_bounded(schema):
    kinds = schema.get("type", [])
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if kinds & {"number", "integer"} and not ({"minimum", "exclusiveMinimum"} & set(schema) and "maximum" in schema):
        return False
    if "string" in kinds and not ({"pattern"} & set(schema) or {"minLength", "maxLength"} <= set(schema)):
        return False
    if "array" in kinds and not ("maxItems" in schema and "items" in schema):
        return False
    return (
        bool(kinds & {"number", "integer", "string", "array", "boolean", "null"})
        or "enum" in schema
        or "const" in schema
    )


def test_schema_is_strict_described_and_bounded_at_every_leaf(schema):
    Draft202012Validator.check_schema(schema)
    found = list(leaves(schema, schema))
    assert len(found) > 90
    assert [path for path, leaf in found if not leaf.get("description") and leaf.get("type") != "null"] == []
    assert [path for path, leaf in found if not is_bounded(leaf)] == []


def objects(schema):
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            yield schema
        for child in schema.values():
            yield from objects(child)
    elif isinstance(schema, list):
        for child in schema:
            yield from objects(child)


def test_no_object_of_the_schema_is_open(schema):
    open_ones = [item["description"] for item in objects(schema) if item.get("additionalProperties") is not False]
    assert open_ones == ["A table from outside."]  # closed by each of its branches


def test_readme_explains_every_option(schema):
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    assert renew(text, schema) == text, "config/README.md is behind the schema: run `make docs`"
    for path, _ in options(schema, schema):
        assert f"`{path}`" in text


def test_every_value_of_the_default_config_has_a_comment_or_a_commented_twin():
    """Each option is commented where it first appears in config/config.yaml."""
    seen = set()
    silent = []
    for line in (ROOT / "config/config.yaml").read_text(encoding="utf-8").splitlines():
        key = line.strip().removeprefix("- ").split(":")[0]
        if not line.strip() or line.strip().startswith("#") or ":" not in line or "{" in line:
            continue
        leaf = line.split("#")[0].rstrip().split(":", 1)[1].strip()
        if key not in seen and "#" not in line and leaf and key not in ("source",):
            silent.append(key)
        seen.add(key)
    assert silent == []


def test_overlays_are_valid_on_top_of_the_default(config, schema):
    overlay = yaml.safe_load((ROOT / "config/clusters.yaml").read_text(encoding="utf-8"))

    def merge(base, top):
        for key, value in top.items():
            if isinstance(value, dict) and isinstance(base.get(key), dict):
                merge(base[key], value)
            else:
                base[key] = value

    merge(config, overlay)
    complete = complete_config(config, schema)
    assert complete["atlas"]["samples"] == ["hunt2023", "hunt2023_young", "dias2021"]
