"""The style of the house, as a test: the shape of rules and scripts, sizes, environments, contracts."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from discatlas.contracts import load_contract
from discatlas.digests import contract_names, imported_modules, library_modules
from places import ROOT

SCRIPTS = ROOT / "workflow" / "scripts"
LIBRARY = SCRIPTS / "discatlas"
VERBS = {
    "simulate",
    "download",
    "combine",
    "match",
    "clean",
    "convert",
    "compute",
    "estimate",
    "evaluate",
    "export",
    "bin",
    "smooth",
    "fit",
    "predict",
    "compare",
    "plot",
    "tabulate",
    "check",
}
ORDER = [
    "input",
    "output",
    "params",
    "wildcard_constraints",
    "log",
    "benchmark",
    "threads",
    "resources",
    "conda",
    "script",
]
STAGES = {"catalogues", "galaxies", "samples", "phase_space", "maps", "fits", "figures", "checks"}
# what a package is called where it is imported, and in the conda environment
PACKAGES = {
    "yaml": "pyyaml",
    "zero_point": "gaiadr3-zeropoint",
    "matplotlib": "matplotlib-base",
    "lachesis_grids": "lachesis-grids",
}
PIPELINE = ["common", "targets", "simulation", "catalogue", "phase_space", "maps", "fits", "figures", "checks"]


def split_rules(text):
    """Rule name -> {directive or "docstring": its text} of one .smk file."""
    rules = {}
    for block in re.split(r"^rule ", text, flags=re.MULTILINE)[1:]:
        name, body = block.split(":", 1)
        body = re.split(r"^(?=\S)", body.lstrip("\n"), flags=re.MULTILINE)[0]
        parts = re.split(r"^    ([a-z_]+):", body, flags=re.MULTILINE)
        rules[name.strip()] = {"docstring": parts[0].strip()} | dict(zip(parts[1::2], parts[2::2], strict=True))
    return rules


SMK = sorted((ROOT / "workflow/rules").glob("*.smk"))
ALL_RULES = {path: split_rules(path.read_text(encoding="utf-8")) for path in SMK}
TARGETS = {
    name: rule for path, rules in ALL_RULES.items() if path.stem.startswith("targets") for name, rule in rules.items()
}
RULES = {name: rule for rules in ALL_RULES.values() for name, rule in rules.items() if name not in TARGETS}
SCRIPT_FILES = sorted(SCRIPTS.glob("*.py"))
PYTHON_FILES = sorted([*SCRIPTS.rglob("*.py"), *(ROOT / "tests").rglob("*.py")])


def test_the_parser_of_this_test_sees_all_rules():
    declared = re.findall(r"^rule (\w+):", "\n".join(path.read_text(encoding="utf-8") for path in SMK), re.MULTILINE)
    assert sorted(declared) == sorted([*RULES, *TARGETS])
    assert len(RULES) >= 11


@pytest.mark.parametrize("name", TARGETS)
def test_targets_only_ask(name):
    assert set(TARGETS[name]) == {"docstring", "input"}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_the_whole_shape(name):
    rule = RULES[name]
    assert re.fullmatch(r'""".+\."""', rule["docstring"], re.DOTALL)
    directives = [key for key in rule if key != "docstring"]
    needed = [key for key in ORDER if key not in ("input", "wildcard_constraints")]
    assert [key for key in ORDER if key in directives] == directives, "directives are out of order or unknown"
    assert set(needed) <= set(directives)
    assert "mem_mb=" in rule["resources"]
    assert re.search(r'"\.\./\.\./envs/\w+\.yaml"', rule["conda"])


@pytest.mark.parametrize("name", RULES)
def test_one_word_everywhere(name):
    rule = RULES[name]
    verb, noun = name.split("_", 1)
    assert verb in VERBS
    assert rule["script"].strip().startswith(f'"../scripts/{name}.py"')
    assert f'library=library("{name}")' in rule["params"]
    assert f'"logs/{name}/' in rule["log"]
    assert f'"benchmarks/{name}/' in rule["benchmark"]
    for path in re.findall(r'"(results/[^"]+)"', rule["output"]):
        stage, *folders, file = path.removeprefix("results/").split("/")
        assert stage in STAGES
        stem = file.split(".")[0]
        named_by_stage = stem in ("{catalogue}", "{sample}", "{epochs}", "{match}") and (
            noun in (stage, stage.removesuffix("s"), "galaxy") or folders
        )
        assert stem.startswith((noun, "cut_flow")) or named_by_stage


@pytest.mark.parametrize("path", SMK, ids=lambda path: path.name)
def test_rule_files_are_short_documented_and_plain(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert text.startswith('"""')
    assert "INPUTS" in text.split('"""')[1]
    assert "OUTPUTS" in text.split('"""')[1]
    for forbidden in (
        r"^\s+run:",
        r"^\s+shell:",
        r"^\s+message:",
        r"config\.get\(",
        r"rules\.\w+\.output",
        r"time\.sleep",
        r"print\(",
    ):
        assert not re.search(forbidden, text, re.MULTILINE), forbidden


@pytest.mark.parametrize("name", RULES)
def test_params_take_single_keys_not_whole_sections(name, config):
    for section in re.findall(r'=config\["(\w+)"\](?!\[)', RULES[name]["params"]):
        assert not isinstance(config[section], (dict, list)), section


def test_snakefile_is_a_table_of_contents():
    lines = (ROOT / "Snakefile").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 60
    assert re.findall(r'include: "workflow/rules/(\w+)\.smk"', "\n".join(lines)) == PIPELINE


def test_a_stage_includes_its_further_files():
    for stage in PIPELINE:
        text = (ROOT / f"workflow/rules/{stage}.smk").read_text(encoding="utf-8")
        further = sorted(path.stem for path in SMK if path.stem.startswith(f"{stage}_"))
        assert sorted(re.findall(r'^include: "(\w+)\.smk"', text, re.MULTILINE)) == further
    assert {path.stem.split("_")[0] for path in SMK} <= {stage.split("_")[0] for stage in PIPELINE}


@pytest.mark.parametrize("path", SCRIPT_FILES, ids=lambda path: path.name)
def test_scripts_have_three_layers(path):
    assert path.stem in RULES, "a script without a rule"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    *body, bind = tree.body
    assert isinstance(bind, ast.If)
    assert ast.unparse(bind.test) == "__name__ == '__main__'"
    above = [node.id for part in body for node in ast.walk(part) if isinstance(node, ast.Name)]
    assert "snakemake" not in above
    public = [node.name for node in body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    assert public == ["run"]
    run = next(node for node in body if isinstance(node, ast.FunctionDef) and node.name == "run")
    assert not run.args.args, "arguments of run() are given by name"
    assert f"rule ``{path.stem}``" in ast.get_docstring(tree)
    calls = [
        node
        for node in ast.walk(bind)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("run", "script_log")
    ]
    assert len(calls) == 2
    assert len(bind.body) == 1


@pytest.mark.parametrize("path", SCRIPT_FILES, ids=lambda path: path.name)
def test_every_parquet_product_has_a_contract(path):
    if re.search(r'results/[^"]+\.parquet"', RULES[path.stem]["output"]):
        names = contract_names({path}, ROOT / "workflow/schemas/tables")
        assert names, "no load_contract(...) in the script of a rule that writes Parquet"
        for name in names:
            assert load_contract(name).columns


def test_checks_alone_read_a_truth():
    for name, rule in RULES.items():
        if "truth" in rule.get("input", ""):
            assert name.startswith("check_")
            assert "truth=" in rule["input"]
    for path in SCRIPT_FILES:
        if SCRIPTS / "discatlas/truth.py" in library_modules(SCRIPTS, path):
            assert path.name.startswith("check_"), path


def functions(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_and_functions_stay_readable(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert [name for name, length in functions(path) if length > 60] == []


def test_library_knows_no_workflow_and_no_clock():
    for path in LIBRARY.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        names = imported_modules(path)
        assert not any(name.split(".")[0] == "snakemake" for name in names), path
        for forbidden in (
            r"\btime\.time\(",
            r"datetime\.(now|today|utcnow)",
            r"np\.random\.(seed|rand|normal|uniform)\b",
            r"\bprint\(",
            r'"results/',
        ):
            assert not re.search(forbidden, text), (path, forbidden)
        if "default_rng(" in text or "PCG64(" in text:
            assert path.name == "streams.py", path


def pinned(path):
    """Package -> version of one environment file."""
    pins = {}
    for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]:
        if isinstance(entry, dict):
            pins |= dict(item.split("==") for item in entry["pip"])
        elif " " in entry:
            name, version = entry.split()
            pins[name] = version.removeprefix("=")
    return pins


def locked():
    lines = re.findall(
        r"^([a-z0-9-]+)==(\S+)(.*)$", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    versions = {}
    for name, version, marker in lines:
        if "python_full_version >= '3.12'" not in marker:
            versions[name] = version
    return versions


def environment(rule):
    return ROOT / "envs" / re.search(r"(\w+\.yaml)", RULES[rule]["conda"]).group(1)


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.name)
def test_environments_are_pinned_as_locked_and_parse_as_conda_does(path):
    from rattler import MatchSpec

    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert text["channels"] == ["conda-forge", "nodefaults"]
    pins = pinned(path)
    assert pins.pop("python") == "3.11"
    for name, version in pins.items():
        assert locked()[name.removesuffix("-base")] == version, name
    for entry in text["dependencies"]:
        if isinstance(entry, str):
            assert MatchSpec(entry).name is not None
    assert any(environment(rule) == path for rule in RULES), "no rule uses it"


@pytest.mark.parametrize("name", RULES)
def test_every_import_of_a_rule_is_in_its_environment(name):
    script = SCRIPTS / f"{name}.py"
    pins = pinned(environment(name))
    import sys

    for path in {script} | library_modules(SCRIPTS, script):
        for module in imported_modules(path):
            top = module.split(".")[0]
            if top not in sys.stdlib_module_names and top != "discatlas":
                assert PACKAGES.get(top, top) in pins, f"{path.name} imports {top}, {environment(name).name} lacks it"


def test_lock_and_project_agree():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    for entry in wanted:
        assert re.split(r"[>=<]", entry)[0] in locked(), entry
    assert not re.search(r"https?://", (ROOT / "requirements.lock").read_text(encoding="utf-8"))


def test_nothing_tracked_names_a_machine_or_a_package_index():
    files = [
        path
        for pattern in ("*.md", "*.py", "*.smk", "*.yaml", "*.toml", "*.rst", "*.csv", "*.cff", "Makefile", "Snakefile")
        for path in ROOT.rglob(pattern)
    ]
    files = [path for path in files if not {".venv", ".snakemake", "results"} & set(path.relative_to(ROOT).parts)]
    index = "|".join(("py" + "pi.org", "python" + "hosted", "npm" + "js", "deb" + "ian.org"))
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not re.search(index, text), path
        if path.name != Path(__file__).name:
            assert not re.search(r"(?<![\w.])/(home|root|work|Users|farm)/", text), path


def test_every_rule_stage_has_its_folder():
    for folder in (
        "config",
        "envs",
        "resources",
        "tests",
        "workflow/rules",
        "workflow/scripts/discatlas",
        "workflow/schemas/tables",
        "workflow/report",
        "workflow/profiles/slurm",
    ):
        assert (ROOT / folder).is_dir(), folder
    for file in (
        "README.md",
        "LICENSE",
        "CITATION.cff",
        "CHANGELOG.md",
        "pyproject.toml",
        "requirements.lock",
        "Makefile",
    ):
        assert (ROOT / file).is_file(), file
