"""Config: defaults, both passes of checks, and the agreement of config, schema and README."""

import pytest
from config_edits import put
from jsonschema import Draft202012Validator

from discatlas.config import ConfigError, branch, complete_config, required_files, resolve
from discatlas.config_checks import catalogue_columns
from discatlas.config_columns import phase_space_columns
from discatlas.config_docs import options, renew
from places import ROOT

MILKY_WAY, BAR = "galaxies/milky_way", "bars/khalil2025"
MODEL = "potentials/khalil2025/model"
CHECKED = "checks/{}/{}/{}".format
WRONG = [
    ("sunn", 1, ["unknown key 'sunn'", "nearest: 'sun'"]),
    ("samples/gaia_rvs/distanc", 1, ["samples.gaia_rvs", "'distanc'", "nearest: 'distance'"]),
    ("maps/face_on/min_stars", 0, ["maps.face_on.min_stars", "got 0", "minimum of 1"]),
    ("maps/face_on/min_stars", "six", ["maps.face_on.min_stars", "got 'six'", "integer"]),
    ("catalogues/gaia_rvs/source", "simulaton", ["got 'simulaton'", "nearest: 'simulation'"]),
    ("catalogues/gaia_rvs/galxy", 5, ["unknown key 'galxy'", "nearest: 'galaxy'"]),
    ("catalogues/gaia_rvs/galaxy", "milkyway", ["catalogues.gaia_rvs.galaxy", "'milkyway'", "nearest: 'milky_way'"]),
    ("catalogues/gaia_rvs/survey", "gaia_rv", ["catalogues.gaia_rvs.survey", "'gaia_rv'", "nearest: 'gaia_rvs'"]),
    ("catalogues/gaia_rvs/sun", "khalil", ["catalogues.gaia_rvs.sun", "'khalil'", "nearest: 'khalil2025'"]),
    ("samples/gaia_rvs/distance", "geometrc", ["got 'geometrc'", "nearest: 'geometric'"]),
    ("samples/gaia_rvs/sun", "astropy", ["solar set 'astropy'", "nearest: 'astropy_v4.0'"]),
    ("samples/gaia_rvs/catalogue", "gaiarvs", ["catalogue 'gaiarvs'", "nearest: 'gaia_rvs'"]),
    ("atlas/samples", ["disc"], ["sample 'disc' is not declared", "gaia_rvs"]),
    ("maps/face_on/selection", "abs(Zkpc) < 1", ["maps.face_on.selection", "no column 'Zkpc'", "nearest: 'Z_kpc'"]),
    ("maps/face_on/quantities", ["v_r_kms"], ["'v_r_kms'", "nearest: 'v_R_kms'"]),
    ("maps/face_on/quantities", ["teff_K"], ["'teff_K' is not in the phase space of gaia_rvs", "keep_columns"]),
    ("maps/face_on/limits", [[-3, -13], [-5, 5]], ["maps.face_on", "-3", "-13"]),
    ("maps/face_on/cell_size", [0.5], ["maps.face_on", "cell_size"]),
    ("maps/rotation/cell_shape", "hexagon", ["maps.rotation", "hexagon"]),
    ("maps/face_on/cell_size", [1.0, 0.7], ["maps.face_on", "Y_kpc", "15.7143 cells of 0.7"]),
    ("maps/rotation/density", "face_on", ["maps.rotation.density", "X_kpc"]),
    ("maps/rotation_density/samples", ["gaia_rvs"], ["maps.rotation.density", "not made for sample 'sdssv_ob'"]),
    ("samples/apogee_giants/keep_columns", ["feh"], ["'feh' is not in catalogue 'apogee'", "nearest: 'feh_dex'"]),
    ("samples/gaia_rvs/duplicates", {"by": "source_id", "keep": "lowest"}, ["duplicates.order_by", "'null'"]),
    ("samples/analytic/distance", "geometric", ["samples.analytic.distance", "'r_med_geo'"]),
    ("samples/analytic/corrections", ["velocity_error"], ["samples.analytic.corrections", "'grvs_mag'"]),
    ("velocity_fields/taylor/weighted", True, ["velocity_fields.taylor.weighted", "min_stars 1", "at least 30"]),
    ("velocity_fields/taylor/radius_kpc", 2.0, ["velocity_fields.taylor.radius_kpc", "got 2", "radii_kpc"]),
    ("velocity_fields/taylor/errors", "plain", ["velocity_fields.taylor.errors", "robust", "akhmetov2024"]),
    ("checks/velocity_fields/taylor/field", "tailor", ["checks.velocity_fields.taylor.field", "(nearest: 'taylor')"]),
    (
        "checks/velocity_fields/taylor/against",
        "mean",
        [".taylor.against", "'milky_way' has no mean field that is known"],
    ),
    ("velocity_fields/taylor/min_trust", 100, ["velocity_fields.taylor.min_trust", "min_fit (150)"]),
    ("samples/gaia_rvs/cuts/1/expression", "ruwee < 1.4", ["cuts.1.expression", "'ruwee'", "nearest: 'ruwe'"]),
    ("samples/gaia_rvs/cuts/0/name", "astrometry", ["two cuts are named 'astrometry'"]),
    ("figures/colour_percentile", 90, ["figures.colour_percentile", "got 90", "96"]),
    ("seed", None, ["seed", "got None", "integer"]),
    # potentials that no mass makes
    (
        f"{MODEL}/discs/0/Sigma0_msun_kpc2",
        -1.0,
        ["potentials.khalil2025", "discs[0]", "Sigma0_msun_kpc2 is -1", "positive"],
    ),
    (f"{MODEL}/discs/1/h_Z_kpc", 0.0, ["potentials.khalil2025", "discs[1]", "h_Z_kpc is 0", "positive"]),
    (f"{MODEL}/spheroids/0/gamma", 3.0, ["potentials.khalil2025", "spheroids[0]", "gamma is 3", "less than 3"]),
    (f"{MODEL}/spheroids/1/r_cut_kpc", None, ["spheroids[1]", "beta is 0 without a cut", "more than 3"]),
    ("potentials/khalil2025/engine", "galpi", ["potentials.khalil2025.engine", "got 'galpi'", "nearest: 'galpy'"]),
    # bars and spirals
    (f"{BAR}/modes/1/b", 1.5, ["bars.khalil2025", "m = 4", "b 1.5", "b > 2"]),
    ("spirals/khalil2025_m2/R_limits_kpc", [9.0, 8.0], ["spirals.khalil2025_m2", "R_limits_kpc", "[9.0, 8.0]"]),
    ("spirals/khalil2025_m2/pitch_deg", 0.0, ["spirals.khalil2025_m2.pitch_deg", "got 0", "minimum of 1"]),
    # galaxies with orbits
    (f"{MILKY_WAY}/n_particle", 1, ["galaxies.milky_way", "unknown key 'n_particle'", "nearest: 'n_particles'"]),
    (f"{MILKY_WAY}/kind", "orbit", ["galaxies.milky_way.kind", "got 'orbit'", "nearest: 'orbits'"]),
    (f"{MILKY_WAY}/potential", "khalil", ["galaxies.milky_way.potential", "'khalil'", "nearest: 'khalil2025'"]),
    (f"{MILKY_WAY}/bar", "khalil2052", ["galaxies.milky_way.bar", "'khalil2052'", "nearest: 'khalil2025'"]),
    (
        f"{MILKY_WAY}/spirals",
        ["khalil2025_m4"],
        ["galaxies.milky_way.spirals", "'khalil2025_m4'", "nearest: 'khalil2025_m"],
    ),
    (f"{MILKY_WAY}/vertical", "couple", ["galaxies.milky_way.vertical", "got 'couple'", "nearest: 'coupled'"]),
    (
        f"{MILKY_WAY}/integration_kpc_kms",
        0.5,
        ["galaxies.milky_way", "integration_kpc_kms", "got 0.5", "0.5434", "lengthen"],
    ),
    (f"{MILKY_WAY}/populations", {}, ["galaxies.milky_way", "populations", "thin, thick, young"]),
    (
        f"{MILKY_WAY}/populations/thin/sigma_R_kms",
        -5.0,
        ["galaxies.milky_way", "populations.thin.sigma_R_kms", "-5", "negative"],
    ),
    (f"{MILKY_WAY}/populations/thick/sigma_Z_kms", -1.0, ["populations.thick.sigma_Z_kms", "-1", "negative"]),
    (
        f"{MILKY_WAY}/populations/thin/R_limits_kpc",
        [9.0, 3.0],
        ["populations.thin.R_limits_kpc", "[9.0, 3.0]", "first < second"],
    ),
    (
        f"{MILKY_WAY}/populations/young/age_limits_Gyr",
        [0.0, 0.3],
        ["populations.young.age_limits_Gyr", "positive for log_uniform"],
    ),
    (f"{MILKY_WAY}/chemistry/scatter_dex", -0.1, ["galaxies.milky_way", "chemistry.scatter_dex", "-0.1", "negative"]),
    (f"{MILKY_WAY}/stars/imf", "kroupa", ["galaxies.milky_way.stars.imf", "got 'kroupa'", "nearest: 'kroupa2001'"]),
    # analytic galaxies
    ("galaxies/analytic/sigma_R_floor_kms", 40.0, ["galaxies.analytic", "sigma_R_floor_kms 40.0", "sigma_R_kms 33.0"]),
    ("galaxies/analytic/R_min_kpc", 17.0, ["galaxies.analytic", "R_min_kpc 17.0", "widen the range"]),
    ("galaxies/analytic/chemistry/scatter_dex", -1.0, ["galaxies.analytic", "chemistry.scatter_dex", "-1", "negative"]),
    # surveys
    ("surveys/gaia_rvs/kind", "gaia", ["surveys.gaia_rvs.kind", "got 'gaia'", "nearest: 'gaia_rvs'"]),
    ("surveys/gaia_rvs/bad_fracion", 0.1, ["surveys.gaia_rvs", "unknown key 'bad_fracion'", "nearest: 'bad_fraction'"]),
    ("surveys/gaia_rvs/bad_fraction", -0.1, ["surveys.gaia_rvs.bad_fraction", "got -0.1", "minimum of 0"]),
    ("surveys/apogee/h_min_mag", 13.0, ["surveys.apogee", "h_min_mag 13", "h_limit_mag 12.8"]),
    # checks
    (
        CHECKED("statistics", "ob_stars", "sample"),
        "sdssv",
        ["checks.statistics.ob_stars.sample", "nearest: 'sdssv_ob'"],
    ),
    (CHECKED("statistics", "ob_stars", "column"), "teff", ["checks.statistics.ob_stars.column", "nearest: 'teff_K'"]),
    (CHECKED("statistics", "ob_stars", "selection"), "tef > 1", ["checks.statistics.ob_stars.selection", "'tef'"]),
    (CHECKED("truths", "gaia_rvs", "columns"), ["v_r_kms"], ["checks.truths.gaia_rvs.columns", "nearest: 'v_R_kms'"]),
    (
        CHECKED("truths", "sdssv_ob", "columns"),
        ["teff_K"],
        ["checks.truths.sdssv_ob.columns", "'teff_K' with its error"],
    ),
    (CHECKED("map_truths", "gaia_rvs_radial", "map"), "meridional", ["'meridional' must map v_R_kms for 'gaia_rvs'"]),
    (
        CHECKED("map_truths", "gaia_rvs_radial", "map"),
        "faceon",
        ["map_truths.gaia_rvs_radial.map", "nearest: 'face_on'"],
    ),
    (CHECKED("map_truths", "gaia_rvs_radial", "quantity"), "v_z_kms", ["'face_on' must map v_z_kms"]),
    (CHECKED("gradient_truths", "lamost_hot_feh", "map"), "metallicity", ["lamost_hot_feh.map", "X_kpc", "a profile"]),
    (CHECKED("truths", "gaia_rvs", "bias_tolerance"), 0, ["checks.truths.gaia_rvs.bias_tolerance", "got 0"]),
]


@pytest.mark.parametrize(("path", "value", "expected"), WRONG, ids=[f"{path}={value}"[:60] for path, value, _ in WRONG])
def test_each_mistake_is_named_in_one_line(config, schema, path, value, expected):
    put(config, path, value)
    with pytest.raises(ConfigError) as error:
        complete_config(config, schema)
    message = str(error.value)
    for text in expected:
        assert text in message
    assert "\n" not in message


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
    config["maps"]["face_on"]["samples"] = ["sdssv_ob"]
    with pytest.raises(
        ConfigError, match=r"map_truths\.gaia_rvs_radial\.map: 'face_on' must map v_R_kms for 'gaia_rvs'"
    ):
        complete_config(config, schema)
    config["atlas"]["samples"] = ["apogee_giants", "lamost_hot", "sdssv_ob"]
    complete_config(config, schema)


def test_a_truth_needs_a_simulation(config, schema):
    config["catalogues"]["gaia_rvs"] = {
        "source": "file",
        "path": "x.csv",
        "format": "csv",
        "citation": "none",
        "columns": config["catalogues"]["gaia_rvs"]["columns"],
    }
    config["checks"]["metallicity_gradients"] = {}
    with pytest.raises(
        ConfigError, match=r"checks\.truths\.gaia_rvs\.sample: catalogue 'gaia_rvs' is not a simulation"
    ):
        complete_config(config, schema)


def test_a_mean_field_check_needs_an_analytic_galaxy_and_a_face_on_map(config, schema):
    config["atlas"]["samples"] = ["analytic"]
    complete_config(config, schema)
    config["catalogues"]["analytic"]["galaxy"] = "milky_way"
    with pytest.raises(
        ConfigError, match=r"checks\.mean_fields\.analytic_radial\.sample: galaxy 'milky_way' has no mean field"
    ):
        complete_config(config, schema)
    config["catalogues"]["analytic"]["galaxy"] = "analytic"
    config["maps"]["analytic_face_on"] |= {"axes": ["X_kpc", "Z_kpc"]}
    with pytest.raises(
        ConfigError, match=r"'analytic_face_on' has axes \['X_kpc', 'Z_kpc'\], expected X_kpc and Y_kpc"
    ):
        complete_config(config, schema)


def test_a_mean_rotation_that_vanishes_is_refused_with_its_place(config, schema):
    config["galaxies"]["analytic"]["sigma_R_kms"] = 150.0
    with pytest.raises(
        ConfigError, match=r"galaxies\.analytic: .*at R = [0-9.]+ kpc.*(?s:.*)lower sigma_R_kms"
    ) as error:
        complete_config(config, schema)
    assert str(error.value).count("\n") <= 1


def test_switches_off_are_valid(config, schema):
    """No bar, no spirals, one population, an independent vertical oscillation."""
    galaxy = config["galaxies"]["milky_way"]
    galaxy |= {"bar": None, "spirals": [], "vertical": "oscillator", "integration_kpc_kms": 0.1}
    galaxy["populations"] = {"thin": galaxy["populations"]["thin"], "young": None}
    complete_config(config, schema)


def test_defaults_reach_named_entries(config, schema):
    del config["maps"]["face_on"]["estimator"], config["samples"]["apogee_giants"]["errors"]
    del config["galaxies"]["milky_way"]["vertical"], config["bars"]["khalil2025"]["vertical"]
    del config["galaxies"]["milky_way"]["populations"]["thin"]["age_sampling"]
    complete = complete_config(config, schema)
    assert complete["maps"]["face_on"]["estimator"] == "restricted"
    assert complete["samples"]["apogee_giants"]["errors"] == "linear"
    assert complete["galaxies"]["milky_way"]["vertical"] == "coupled"
    assert complete["galaxies"]["milky_way"]["populations"]["thin"]["age_sampling"] == "uniform"
    assert complete["bars"]["khalil2025"]["vertical"] == "thomas2023"
    assert "feh_dex" in phase_space_columns(complete["samples"]["apogee_giants"])


def paths(value, schema, root, path=""):
    """Every option that a config sets, as dotted paths in which ``*`` stands for a name of one's own."""
    schema = branch(schema, value, root)
    objects = [resolve(option, root) for option in schema.get("anyOf", []) if isinstance(value, dict)]
    schema = next((form for form in objects if form.get("type") == "object"), schema)
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    if not isinstance(value, dict):
        yield path
        return
    for key, child in value.items():
        yield from paths(child, known.get(key, others), root, f"{path}.{key if key in known else '*'}".lstrip("."))


def test_default_config_spells_out_every_option(config, schema):
    """What defaults would fill in stands in at least one entry of its kind."""
    spelt, filled = set(paths(config, schema, schema)), set(paths(complete_config(config, schema), schema, schema))
    fixed = {f"catalogues.*.{key}" for key in ("format", "table", "digest")}  # of a survey, no choice
    unused = {f"catalogues.*.{key}" for key in ("date", "query")}  # a survey of ours has neither
    assert filled - spelt <= fixed | unused
    assert len(spelt) > 200


DISC, SPHEROID = f"{MODEL}/discs/0", f"{MODEL}/spheroids/0"
BOUNDED_BY_PHYSICS = {
    **dict.fromkeys(("sigma_R_kms", "sigma_Z_kms"), f"{MILKY_WAY}/populations/thin"),
    "scatter_dex": f"{MILKY_WAY}/chemistry",
    **dict.fromkeys(("Sigma0_msun_kpc2", "h_R_kpc", "h_Z_kpc"), DISC),
    **dict.fromkeys(("rho0_msun_kpc3", "a_kpc", "r_cut_kpc", "alpha", "q"), SPHEROID),
}


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
    if "object" in resolve(schema.get("items", {}), root).get("type", ""):
        children["[]"] = schema["items"]
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
    assert len(found) > 300
    assert [path for path, leaf in found if not leaf.get("description") and leaf.get("type") != "null"] == []
    assert {path.rsplit(".", 1)[1] for path, leaf in found if not is_bounded(leaf)} <= set(BOUNDED_BY_PHYSICS)


@pytest.mark.parametrize(("name", "place"), BOUNDED_BY_PHYSICS.items())
def test_what_the_schema_leaves_open_is_bounded_by_physics(config, schema, name, place):
    put(config, f"{place}/{name}", -1e6)
    with pytest.raises(ConfigError, match=rf"{name}.*-1"):
        complete_config(config, schema)


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
    branched = ["A simulated galaxy.", "A survey of a simulated Galaxy.", "A table from outside."]
    assert open_ones == branched  # closed by each of their branches


def test_readme_explains_every_option(schema):
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    assert renew(text, schema) == text, "config/README.md is behind the schema: run `make docs`"
    for path, _ in options(schema, schema):
        assert f"`{path}`" in text


def test_every_value_of_the_default_config_has_a_comment_or_a_commented_twin():
    """Each option is commented where it first appears in config/config.yaml; columns of a survey are no options."""
    seen, silent, columns_at = set(), [], None
    for line in (ROOT / "config/config.yaml").read_text(encoding="utf-8").splitlines():
        indent = len(line) - len(line.lstrip())
        if line.strip() and columns_at is not None and indent <= columns_at:
            columns_at = None
        if columns_at is not None:
            continue
        if line.strip().startswith("columns:") and "[" not in line:
            columns_at = indent
        key = line.strip().removeprefix("- ").split(":")[0]
        if not line.strip() or line.strip().startswith("#") or ":" not in line or "{" in line:
            continue
        leaf = line.split("#")[0].rstrip().split(":", 1)[1].strip()
        if key not in seen and "#" not in line and leaf and key not in ("source",):
            silent.append(key)
        seen.add(key)
    assert silent == []
