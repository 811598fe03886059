"""What the schema cannot say about the fits: names that must be declared, tables that must be made, limits in order."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from discatlas.config_columns import check_expression, known, phase_space_columns
from discatlas.contracts import error_column

Config = dict[str, Any]
FACE_ON = ("X_kpc", "Y_kpc")


def _check_samples(config: Config) -> Iterator[str]:
    sections = (
        "memberships",
        "metallicity_gradients",
        "metallicity_residuals",
        "azimuthal_variations",
        "overdensities",
        "overdensity_comparisons",
        "smoothed_maps",
    )
    for section in sections:
        for name, spec in config[section].items():
            for sample in spec["samples"]:
                yield from known(f"{section}.{name}.samples", sample, config["samples"], "sample")
    for name in config["published_maps"]:
        if name in config["samples"]:
            yield f"published_maps.{name}: a sample has the same name; take another"


def _check_memberships(config: Config) -> Iterator[str]:
    owner: dict[str, str] = {}
    for name, spec in config["memberships"].items():
        yield from known(f"memberships.{name}.set", spec["set"], config["membership_sets"], "membership set")
        for sample in spec["samples"]:
            if sample in owner:
                yield f"memberships.{name}.samples: {sample!r} has the membership {owner[sample]!r} already; one per sample"
            owner[sample] = name


def _check_columns(config: Config, where: str, spec: Config, quantities: list[str]) -> Iterator[str]:
    """Check quantities (with their errors), the selection and the cut on membership for every sample of an entry."""
    members = {sample for entry in config["memberships"].values() for sample in entry["samples"]}
    for sample in spec["samples"]:
        columns = phase_space_columns(config["samples"][sample])
        for quantity in quantities:
            for column in (quantity, error_column(quantity)):
                if column not in columns:
                    yield f"{where}: {column!r} is not in the phase space of {sample}; add it to samples.{sample}.keep_columns"
        yield from check_expression(f"{where}.selection", spec["selection"], columns)
        if spec.get("halo_cut") and sample not in members:
            yield f"{where}.halo_cut: sample {sample!r} has no membership; add it to memberships, or set halo_cut to false"


def _check_gradients(config: Config) -> Iterator[str]:
    for name, spec in config["metallicity_gradients"].items():
        where = f"metallicity_gradients.{name}"
        if spec["x"] == spec["bin_by"]:
            yield f"{where}.bin_by: got {spec['bin_by']!r}, which is x too; bin by the other coordinate"
        yield from _check_growing(f"{where}.edges_kpc", spec["edges_kpc"])
        if "linear" not in spec["models"]:
            yield f"{where}.models: got {spec['models']}, expected linear among them"
        if spec["n_walkers"] < 2 * 5:
            yield f"{where}.n_walkers: got {spec['n_walkers']}, expected at least 10: twice the parameters of a broken line"
        yield from _check_columns(config, where, spec, [spec["quantity"]])


def _check_variations(config: Config) -> Iterator[str]:
    for name, spec in config["azimuthal_variations"].items():
        where = f"azimuthal_variations.{name}"
        for i, annulus in enumerate(spec["annuli_kpc"]):
            yield from _check_growing(f"{where}.annuli_kpc.{i}", annulus)
        yield from _check_growing(f"{where}.phi_limits_deg", spec["phi_limits_deg"])
        yield from _check_columns(config, where, spec, [spec["quantity"]])
    for name, spec in config["overdensities"].items():
        yield from _check_box(f"overdensities.{name}.limits_kpc", spec["limits_kpc"])
        if spec["local_kpc"] >= spec["mean_kpc"]:
            yield f"overdensities.{name}.local_kpc: got {spec['local_kpc']:g}, expected less than mean_kpc ({spec['mean_kpc']:g})"


def _check_residuals(config: Config) -> Iterator[str]:
    gradients, maps = config["metallicity_gradients"], config["maps"]
    for name, spec in config["metallicity_residuals"].items():
        where = f"metallicity_residuals.{name}"
        missing = [
            *known(f"{where}.gradient", spec["gradient"], gradients, "metallicity gradient"),
            *known(f"{where}.map", spec["map"], maps, "map"),
        ]
        yield from missing
        if missing:
            continue
        gradient, chart = gradients[spec["gradient"]], maps[spec["map"]]
        if gradient["x"] != "R_kpc":
            yield f"{where}.gradient: {spec['gradient']!r} is a vertical gradient, expected a radial one in bins of abs_Z_kpc"
        if len(chart["axes"]) != 2 or gradient["quantity"] not in chart["quantities"]:
            yield f"{where}.map: {spec['map']!r} must have two axes and hold {gradient['quantity']}"
        yield from _check_made(where, spec["samples"], {"metallicity_gradients": gradient, "maps": chart}, spec)
        if spec["overdensity"]:
            yield from check_overdensity(config, f"{where}.overdensity", spec["overdensity"])


def _check_made(where: str, samples: list[str], needed: Mapping[str, Config], spec: Config) -> Iterator[str]:
    keys = {"metallicity_gradients": "gradient", "maps": "map", "metallicity_residuals": "residual"}
    for section, entry in needed.items():
        for sample in samples:
            if sample not in entry["samples"]:
                name = spec[keys[section]]
                yield f"{where}.{keys[section]}: {name!r} is not made for sample {sample!r}; add it to {section}.{name}.samples"


def check_face_on(config: Config, where: str, samples: list[str], name: str, quantities: list[str]) -> Iterator[str]:
    """Check that a map of X and Y with these quantities is made for the samples."""
    yield from known(f"{where}.map", name, config["maps"], "map")
    if name not in config["maps"]:
        return
    chart = config["maps"][name]
    if tuple(chart["axes"]) != FACE_ON:
        yield f"{where}.map: {name!r} has axes {chart['axes']}, expected X_kpc and Y_kpc"
    for quantity in quantities:
        if quantity not in chart["quantities"]:
            yield f"{where}: map {name!r} holds no {quantity!r}; add it to maps.{name}.quantities"
    yield from _check_made(where, samples, {"maps": chart}, {"map": name})


def check_overdensity(config: Config, where: str, spec: Config) -> Iterator[str]:
    """Check that a density contrast is made by this atlas."""
    source, name = spec["source"], spec["name"]
    if source in config["published_maps"]:
        if name is not None:
            yield f"{where}.name: got {name!r}, expected null: {source!r} is a published map"
        if config["published_maps"][source]["quantity"] != "overdensity":
            yield f"{where}.source: {source!r} holds {config['published_maps'][source]['quantity']}, expected overdensity"
        return
    yield from known(
        f"{where}.source", source, {**config["samples"], **config["published_maps"]}, "sample or published map"
    )
    yield from known(f"{where}.name", str(name), config["overdensities"], "density contrast")
    if name in config["overdensities"] and source not in config["overdensities"][name]["samples"]:
        yield f"{where}.source: {name!r} is not made for sample {source!r}; add it to overdensities.{name}.samples"


def _check_comparisons(config: Config) -> Iterator[str]:
    residuals = config["metallicity_residuals"]
    for name, spec in config["overdensity_comparisons"].items():
        where = f"overdensity_comparisons.{name}"
        if (spec["residual"] is None) == (spec["map"] is None) or (spec["map"] is None) != (spec["quantity"] is None):
            yield f"{where}: got residual {spec['residual']!r}, map {spec['map']!r}, quantity {spec['quantity']!r}; expected a residual, or a map and its quantity"
            continue
        if spec["residual"]:
            yield from known(f"{where}.residual", spec["residual"], residuals, "metallicity residual")
        if spec["overdensity"] is None:
            yield f"{where}.overdensity: got null, expected a density contrast: source, and its name for a sample"
            continue
        yield from check_overdensity(config, f"{where}.overdensity", spec["overdensity"])
        if spec["map"]:
            yield from check_face_on(config, where, spec["samples"], spec["map"], [spec["quantity"]])
        if spec["residual"] not in residuals:
            continue
        residual = residuals[spec["residual"]]
        yield from _check_made(where, spec["samples"], {"metallicity_residuals": residual}, spec)
        chart = config["maps"].get(residual["map"])
        if chart and tuple(chart["axes"]) != FACE_ON:
            yield f"{where}.residual: {spec['residual']!r} has axes {chart['axes']}, expected X_kpc and Y_kpc"


def _check_smoothed(config: Config) -> Iterator[str]:
    for name, spec in config["smoothed_maps"].items():
        where = f"smoothed_maps.{name}"
        yield from _check_columns(config, where, spec, spec["quantities"])
        yield from _check_box(f"{where}.limits_kpc", spec["limits_kpc"])
        if spec["window_kpc"] < spec["spacing_kpc"]:
            yield f"{where}.window_kpc: got {spec['window_kpc']:g}, expected at least spacing_kpc ({spec['spacing_kpc']:g}): stars between the windows would be lost"
    for name, spec in config["published_maps"].items():
        yield from known(f"published_maps.{name}.sun", spec["sun"], config["sun"], "solar set")


def _check_responses(config: Config) -> Iterator[str]:
    for name, spec in config["spiral_responses"].items():
        where = f"spiral_responses.{name}"
        for key in ("R_limits_kpc", "scale_length_kpc", "surface_density_msun_kpc2", "pitch_deg"):
            yield from _check_growing(f"{where}.{key}", spec[key])
        if isinstance(spec["pattern_speed_kms_kpc"], list):
            yield from _check_growing(f"{where}.pattern_speed_kms_kpc", spec["pattern_speed_kms_kpc"])
        if spec["reduction"] is not None:
            yield from known(f"{where}.reduction", spec["reduction"], config["spiral_reductions"], "spiral reduction")
        for source in spec["sources"]:
            yield from _check_source(config, where, spec, source)


def _check_source(config: Config, where: str, spec: Config, source: str) -> Iterator[str]:
    """Check that the map of v_R that a response is fitted to is made, with errors."""
    if source in config["published_maps"]:
        chart = config["published_maps"][source]
        if chart["quantity"] != "v_R_kms":
            yield f"{where}.sources: {source!r} holds {chart['quantity']}, expected v_R_kms"
        elif not chart["error"]:
            yield f"{where}.sources: published_maps.{source}.error is {chart['error']}, expected a stated error above zero [km/s]"
        return
    yield from known(
        f"{where}.sources", source, {**config["samples"], **config["published_maps"]}, "sample or published map"
    )
    yield from known(f"{where}.map", str(spec["map"]), config["smoothed_maps"], "smoothed map")
    smoothed = config["smoothed_maps"].get(spec["map"], {"samples": [source], "quantities": ["v_R_kms"]})
    if source not in smoothed["samples"] or "v_R_kms" not in smoothed["quantities"]:
        yield f"{where}.map: {spec['map']!r} must smooth v_R_kms for {source!r}"


def _check_fit_checks(config: Config) -> Iterator[str]:
    """Check what is checked: a fit that is made for its sample, a mock that is declared."""
    made = {"metallicity_gradients": "gradient", "azimuthal_variations": "variation"}
    for section, key in made.items():
        for name, check in config["checks"][section].items():
            where = f"checks.{section}.{name}"
            yield from known(f"{where}.{key}", check[key], config[section], section.replace("_", " ").removesuffix("s"))
            spec = config[section].get(check[key])
            if spec and check["sample"] not in spec["samples"] and check["sample"] in config["atlas"]["samples"]:
                yield f"{where}.{key}: {check[key]!r} is not made for sample {check['sample']!r}; add it to {section}.{check[key]}.samples"
    for name, check in config["checks"]["metallicity_gradients"].items():
        catalogue = config["samples"].get(check["sample"], {}).get("catalogue")
        if catalogue in config["catalogues"] and config["catalogues"][catalogue]["source"] != "simulation":
            yield f"checks.metallicity_gradients.{name}.sample: catalogue {catalogue!r} is not a simulation"
    parts = {"sample": "samples", "smoothed": "smoothed_maps", "response": "spiral_responses"}
    for name, check in config["checks"]["spiral_mocks"].items():
        where = f"checks.spiral_mocks.{name}"
        yield from known(f"{where}.mock", check["mock"], config["spiral_mocks"], "spiral mock")
        for key, section in parts.items():
            if check["recovery"]:
                yield from known(f"{where}.recovery.{key}", check["recovery"][key], config[section], key)


def _check_growing(where: str, values: list[float]) -> Iterator[str]:
    if any(high <= low for low, high in pairwise(values)):
        yield f"{where}: got {values}, expected growing numbers"


def _check_box(where: str, limits: list[list[float]]) -> Iterator[str]:
    for low, high in limits:
        if high <= low:
            yield f"{where}: got {[low, high]}, expected the lower limit first"


FIT_CHECKS: tuple[Callable[[Config], Iterator[str]], ...] = (
    _check_samples,
    _check_memberships,
    _check_gradients,
    _check_variations,
    _check_residuals,
    _check_comparisons,
    _check_smoothed,
    _check_responses,
    _check_fit_checks,
)
