"""What the schema cannot say about models with a bar and spirals: names that must be declared, data that must be made."""

from collections.abc import Callable, Iterator
from typing import Any

from discatlas.config_columns import check_expression, known, phase_space_columns

Config = dict[str, Any]
USERS = ("velocity_planes", "disc_maps", "angular_momentum_planes", "ridges")
PARTS = {"potential": "potentials", "bar": "bars", "distribution": "distribution_functions"}


def _check_models(config: Config) -> Iterator[str]:
    for name, spec in config["barred_models"].items():
        where = f"barred_models.{name}"
        parts = {key: spec[key] for key in PARTS if spec[key] is not None}
        if spec["fit"] is not None:
            given = [*parts, *(["spirals"] if spec["spirals"] else [])]
            if given:
                yield f"{where}.{given[0]}: got {spec[given[0]]!r}, expected null: the model is that of fit {spec['fit']['name']!r}"
            yield from known(
                f"{where}.fit.name", spec["fit"]["name"], config["spiral_mode_fits"], "fit of spiral modes"
            )
            fit = config["spiral_mode_fits"].get(spec["fit"]["name"], {"sources": [spec["fit"]["source"]]})
            if spec["fit"]["source"] not in fit["sources"]:
                yield f"{where}.fit.source: {spec['fit']['name']!r} is not fitted to {spec['fit']['source']!r}"
            yield from _check_circle(config, name)
            continue
        for key in ("potential", "distribution"):
            if spec[key] is None:
                yield f"{where}.{key}: got null, expected a name from {PARTS[key]}, or a fit"
        for key, value in parts.items():
            yield from known(
                f"{where}.{key}", value, config[PARTS[key]], PARTS[key].replace("_", " ").removesuffix("s")
            )
        for spiral in spec["spirals"]:
            yield from known(f"{where}.spirals", spiral, config["spirals"], "spiral")


def _check_circle(config: Config, name: str) -> Iterator[str]:
    """Complain of a model that comes from a fit of itself."""
    seen, models, fits = [name], config["barred_models"], config["spiral_mode_fits"]
    while (fit := models.get(seen[-1], {}).get("fit")) and fit["name"] in fits:
        if fits[fit["name"]]["model"] in seen:
            yield f"barred_models.{name}.fit: the model of fit {fit['name']!r} comes from the fit itself"
            return
        seen.append(fits[fit["name"]]["model"])


def _check_users(config: Config) -> Iterator[str]:
    models, samples = config["barred_models"], config["samples"]
    for section in USERS:
        for name, spec in config[section].items():
            where = f"{section}.{name}"
            for model in spec["models"]:
                yield from known(f"{where}.models", model, models, "barred model")
            for sample in spec.get("samples", []):
                yield from known(f"{where}.samples", sample, samples, "sample")
                if sample in samples:
                    yield from check_expression(
                        f"{where}.selection", spec["selection"], phase_space_columns(samples[sample])
                    )
    for section in ("orbits", "solar_orbits", "traces", "barred_mocks", "bar_strips", "spiral_mode_fits"):
        for name, spec in config[section].items():
            yield from known(f"{section}.{name}.model", spec["model"], models, "barred model")
    for kind in ("backward_models", "spiral_posteriors"):
        for name, check in config["checks"][kind].items():
            yield from known(f"checks.{kind}.{name}.model", check["model"], models, "barred model")
    for name, check in config["checks"]["barred_mocks"].items():
        yield from known(f"checks.barred_mocks.{name}.mock", check["mock"], config["barred_mocks"], "barred mock")


def _check_data(config: Config) -> Iterator[str]:
    samples, histograms, maps = config["samples"], config["published_histograms"], config["published_maps"]
    for name, spec in histograms.items():
        yield from known(f"published_histograms.{name}.sun", spec["sun"], config["sun"], "solar set")
        if name in samples or name in maps:
            yield f"published_histograms.{name}: a sample or published map has the same name; take another"
    for name, spec in config["velocity_planes"].items():
        if spec["data"] is not None:
            yield from known(f"velocity_planes.{name}.data", spec["data"], samples | histograms, "sample or histogram")
    for name, spec in config["disc_maps"].items():
        for published in spec["published"]:
            yield from known(f"disc_maps.{name}.published", published, maps, "published map")
            if maps.get(published, {"quantity": "v_R_kms"})["quantity"] not in ("v_R_kms", "v_phi_kms"):
                yield f"disc_maps.{name}.published: {published!r} holds {maps[published]['quantity']}, expected v_R_kms or v_phi_kms"
        if not spec["models"]:
            yield f"disc_maps.{name}.models: got [], expected at least one barred model"
    for name, spec in config["bar_strips"].items():
        yield from known(
            f"bar_strips.{name}.velocity_plane", spec["velocity_plane"], config["velocity_planes"], "plane"
        )
        for source in spec["sources"]:
            yield from known(f"bar_strips.{name}.sources", source, samples | histograms, "sample or histogram")


def _check_orbits(config: Config) -> Iterator[str]:
    owner: dict[str, str] = {}
    for name, spec in config["orbits"].items():
        for sample in spec["samples"]:
            yield from known(f"orbits.{name}.samples", sample, config["samples"], "sample")
            if sample in owner:
                yield f"orbits.{name}.samples: {sample!r} has the orbits {owner[sample]!r} already; one entry per sample"
            owner[sample] = name
            if spec["errors"] and sample in config["samples"] and not config["samples"][sample]["correlations"]:
                yield f"orbits.{name}.errors: sample {sample!r} has no correlations; set samples.{sample}.correlations, or errors to false"
        if spec["duration_kpc_kms"] == 0:
            yield f"orbits.{name}.duration_kpc_kms: got 0, expected a time after (positive) or before today"
    for name, spec in config["solar_orbits"].items():
        yield from known(f"solar_orbits.{name}.sun", spec["sun"], config["sun"], "solar set")


def _check_mode_fits(config: Config) -> Iterator[str]:
    sources = config["samples"] | config["published_maps"]
    for name, spec in config["spiral_mode_fits"].items():
        where = f"spiral_mode_fits.{name}"
        if spec["compare"] is not None:
            yield from known(f"{where}.compare", spec["compare"], config["barred_models"], "barred model")
        if spec["histogram"] is not None:
            yield from known(f"{where}.histogram", spec["histogram"], config["published_histograms"], "histogram")
        if spec["local"] is not None and spec["histogram"] is None:
            yield f"{where}.local: needs velocities at the Sun; name a published histogram in {where}.histogram"
        for source in spec["sources"]:
            yield from known(f"{where}.sources", source, sources, "sample or published map")
            yield from _check_map_of(config, where, spec["map"], source)


def _check_posteriors(config: Config) -> Iterator[str]:
    for name, spec in config["spiral_posteriors"].items():
        where = f"spiral_posteriors.{name}"
        yield from known(f"{where}.fit", spec["fit"], config["spiral_mode_fits"], "fit of spiral modes")
        for source in spec["sources"]:
            if source not in config["spiral_mode_fits"].get(spec["fit"], {"sources": [source]})["sources"]:
                yield f"{where}.sources: fit {spec['fit']!r} is not made for {source!r}; add it to spiral_mode_fits.{spec['fit']}.sources"
        if spec["n_predictive"] > spec["n_validation"]:
            yield f"{where}.n_predictive: got {spec['n_predictive']}, expected at most n_validation ({spec['n_validation']})"


def _check_map_of(config: Config, where: str, chart: str | None, source: str) -> Iterator[str]:
    """Check that the map of the median v_R that is fitted is made."""
    if source in config["published_maps"]:
        spec = config["published_maps"][source]
        if spec["quantity"] != "v_R_kms":
            yield f"{where}.sources: {source!r} holds {spec['quantity']}, expected v_R_kms"
        elif not spec["error"]:
            yield f"{where}.sources: published_maps.{source}.error is {spec['error']}, expected a stated error above zero [km/s]"
    elif source in config["samples"]:
        yield from known(f"{where}.map", str(chart), config["disc_maps"], "disc map")
        if source not in config["disc_maps"].get(chart, {"samples": [source]})["samples"]:
            yield f"{where}.map: {chart!r} is not made for sample {source!r}; add it to disc_maps.{chart}.samples"


MODEL_CHECKS: tuple[Callable[[Config], Iterator[str]], ...] = (
    _check_models,
    _check_users,
    _check_data,
    _check_orbits,
    _check_mode_fits,
    _check_posteriors,
)
