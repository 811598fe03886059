"""What the schema cannot say about epochs, matches, ages, binaries and pages: names, tables and columns that must be there."""

from collections.abc import Callable, Iterator
from typing import Any

from discatlas.config_checks_fits import check_face_on, check_overdensity
from discatlas.config_columns import check_expression, known, star_columns
from discatlas.contracts import load_contract

Config = dict[str, Any]


def added_columns(sample: Config) -> list[str]:
    """Return the columns that epochs and matches add to those of a sample's catalogue."""
    velocities = [name for name in load_contract("velocities").names if name != "source_id"]
    matched = [name for entry in sample["matches"] for name in entry["columns"]]
    return (velocities if sample["velocities"] else []) + matched


def _check_samples(config: Config) -> Iterator[str]:
    for name, sample in config["samples"].items():
        where = f"samples.{name}"
        if sample["velocities"]:
            yield from known(f"{where}.velocities", sample["velocities"], config["epochs"], "set of epochs")
            owner = config["epochs"].get(sample["velocities"], {}).get("catalogue", sample["catalogue"])
            if owner != sample["catalogue"]:
                yield f"{where}.velocities: {sample['velocities']!r} are epochs of catalogue {owner!r}, expected {sample['catalogue']!r}"
        for entry in sample["matches"]:
            yield from known(f"{where}.matches", entry["match"], config["matches"], "match")
            match = config["matches"].get(entry["match"])
            if match and (match["left_of"], match["left"]) != ("catalogue", sample["catalogue"]):
                yield f"{where}.matches: {entry['match']!r} has {match['left_of']} {match['left']!r} on its left, expected catalogue {sample['catalogue']!r}"
        yield from _check_circle(config, name)
    for section in ("ages", "spectral_classes", "toomre_diagrams", "column_comparisons", "binaries", "cluster_ages"):
        for name, spec in config[section].items():
            for sample in spec["samples"]:
                yield from known(f"{section}.{name}.samples", sample, config["samples"], "sample")


def _check_circle(config: Config, name: str) -> Iterator[str]:
    """Check that no sample needs itself through its matches."""
    seen, waiting = set(), [name]
    while waiting:
        sample = config["samples"].get(waiting.pop(), {"matches": []})
        for entry in sample["matches"]:
            match = config["matches"].get(entry["match"], {"right_of": "catalogue"})
            if match["right_of"] == "sample" and match["right"] not in seen:
                seen.add(match["right"])
                waiting.append(match["right"])
    if name in seen:
        yield f"samples.{name}.matches: the sample is matched with itself, perhaps through another; match its catalogue"


def _check_epochs(config: Config) -> Iterator[str]:
    for name, check in config["checks"]["velocities"].items():
        yield from known(f"checks.velocities.{name}.epochs", check["epochs"], config["epochs"], "set of epochs")
    for name, spec in config["epochs"].items():
        where = f"epochs.{name}"
        yield from known(f"{where}.catalogue", spec["catalogue"], config["catalogues"], "catalogue")
        catalogue = config["catalogues"].get(spec["catalogue"])
        if catalogue and spec["path"] is None:
            kind = config["surveys"].get(catalogue.get("survey"), {}).get("kind")
            if catalogue["source"] != "simulation" or kind != "sdssv_ob":
                yield f"{where}.path: got null, but catalogue {spec['catalogue']!r} has no simulated visits; expected a file of epochs"
    for name, spec in config["binaries"].items():
        yield from known(f"binaries.{name}.epochs", spec["epochs"], config["epochs"], "set of epochs")


def _check_matches(config: Config) -> Iterator[str]:
    sections = {"catalogue": config["catalogues"], "sample": config["samples"]}
    for name, spec in config["matches"].items():
        for side in ("left", "right"):
            kind = spec[f"{side}_of"]
            yield from known(f"matches.{name}.{side}", spec[side], sections[kind], kind)
    for name, spec in config["overlap_tables"].items():
        for side in ("rows", "columns"):
            for entry in spec[side]:
                yield from known(f"overlap_tables.{name}.{side}", entry["name"], sections[entry["of"]], entry["of"])


def _check_ages(config: Config) -> Iterator[str]:
    owner: dict[str, str] = {}
    for name, spec in config["ages"].items():
        if (spec["grid"] == "mist") != (spec["grid_folder"] is not None):
            yield f"ages.{name}.grid_folder: got {spec['grid_folder']!r} with grid {spec['grid']!r}; mist needs the folder of its files, lachesis has none"
        for sample in spec["samples"]:
            if sample in owner:
                yield f"ages.{name}.samples: {sample!r} has ages by {owner[sample]!r} already; one per sample"
            owner[sample] = name
    for section in ("maps", "overdensities"):
        for name, spec in config[section].items():
            for table, made in (("ages", owner), ("membership", _members(config))):
                for sample in spec["samples"]:
                    if table in spec["tables"] and sample not in made:
                        yield f"{section}.{name}.tables: sample {sample!r} has no {table}; add it to {'ages' if table == 'ages' else 'memberships'}"


def _members(config: Config) -> set[str]:
    return {sample for spec in config["memberships"].values() for sample in spec["samples"]}


def _check_overdensities(config: Config) -> Iterator[str]:
    for name, spec in config["overdensities"].items():
        where = f"overdensities.{name}"
        if spec["dimensions"] == 2 and spec["Z_limits_kpc"] is not None:
            yield f"{where}.Z_limits_kpc: got {spec['Z_limits_kpc']} with dimensions 2; expected null, or dimensions 3"
        if spec["dimensions"] == 3 and spec["kernel"] != "gaussian":
            yield f"{where}.kernel: got {spec['kernel']!r} with dimensions 3; expected gaussian"
        for sample in spec["samples"]:
            if sample in config["samples"]:
                columns = star_columns(config["samples"][sample], spec["tables"])
                yield from check_expression(f"{where}.selection", spec["selection"], columns)
    for name, spec in config["maps"].items():
        if spec["overdensity"]:
            yield from check_overdensity(config, f"maps.{name}.overdensity", spec["overdensity"])


def _check_clusters(config: Config) -> Iterator[str]:
    for name, spec in config["cluster_ages"].items():
        where = f"cluster_ages.{name}"
        for key in ("members", "catalogue"):
            yield from known(f"{where}.{key}", spec[key], config["catalogues"], "catalogue")
        if spec["match"]:
            yield from known(f"{where}.match", spec["match"], config["matches"], "match")
        for sample in spec["samples"]:
            if not any(sample in entry["samples"] for entry in config["ages"].values()):
                yield f"{where}.samples: sample {sample!r} has no ages; add it to ages"


def _check_pages(config: Config) -> Iterator[str]:
    for name, spec in config["population_pages"].items():
        where = f"population_pages.{name}"
        for panel in spec["panels"]:
            yield from known(f"{where}.panels", panel["sample"], config["samples"], "sample")
            yield from check_face_on(config, f"{where}.panels", [panel["sample"]], panel["map"], spec["quantities"])
        if spec["overdensity"]:
            yield from check_overdensity(config, f"{where}.overdensity", spec["overdensity"])


YOUNG_CHECKS: tuple[Callable[[Config], Iterator[str]], ...] = (
    _check_samples,
    _check_epochs,
    _check_matches,
    _check_ages,
    _check_overdensities,
    _check_clusters,
    _check_pages,
)
