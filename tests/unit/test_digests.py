"""The digest of a script's library: follows imports, changes with each file that is reached and with no other."""

import shutil

import pytest

from discatlas.digests import kernel_digest, library_modules, script_digest
from places import ROOT


@pytest.fixture
def tree(tmp_path):
    """A small library: a -> b -> pkg.c, d alone; contracts one (extends two), three."""
    scripts = tmp_path / "scripts"
    (scripts / "discatlas" / "pkg").mkdir(parents=True)
    files = {
        "use.py": "from discatlas.a import f\nimport numpy\nload_contract('one')\n",
        "discatlas/__init__.py": "",
        "discatlas/a.py": "import discatlas.b\n",
        "discatlas/b.py": "def g():\n    from discatlas.pkg import c\n",
        "discatlas/pkg/__init__.py": "",
        "discatlas/pkg/c.py": "x = 1\n",
        "discatlas/d.py": "y = 1\n",
    }
    for name, text in files.items():
        (scripts / name).write_text(text, encoding="utf-8")
    tables = tmp_path / "schemas" / "tables"
    tables.mkdir(parents=True)
    (tables / "one.yaml").write_text("description: x\nextends: two\n", encoding="utf-8")
    (tables / "two.yaml").write_text("description: x\n", encoding="utf-8")
    (tables / "three.yaml").write_text("description: x\n", encoding="utf-8")
    return tmp_path


def test_imports_are_followed_also_inside_functions_and_packages(tree):
    reached = library_modules(tree / "scripts", tree / "scripts/use.py")
    names = {path.relative_to(tree / "scripts/discatlas").as_posix() for path in reached}
    assert names == {"__init__.py", "a.py", "b.py", "pkg/__init__.py", "pkg/c.py"}


@pytest.mark.parametrize(
    "file",
    [
        "scripts/discatlas/a.py",
        "scripts/discatlas/pkg/c.py",
        "scripts/discatlas/__init__.py",
        "schemas/tables/one.yaml",
        "schemas/tables/two.yaml",
    ],
)
def test_an_edit_of_what_is_reached_changes_the_digest(tree, file):
    before = script_digest(tree / "scripts", "use")
    (tree / file).write_text((tree / file).read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    assert script_digest(tree / "scripts", "use") != before


@pytest.mark.parametrize("file", ["scripts/discatlas/d.py", "schemas/tables/three.yaml", "scripts/use.py"])
def test_an_edit_elsewhere_does_not(tree, file):
    before = script_digest(tree / "scripts", "use")
    (tree / file).write_text((tree / file).read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    assert script_digest(tree / "scripts", "use") == before


def test_the_digest_does_not_depend_on_where_the_checkout_lies(tree, tmp_path):
    shutil.copytree(tree / "scripts", tmp_path / "elsewhere/scripts")
    shutil.copytree(tree / "schemas", tmp_path / "elsewhere/schemas")
    assert script_digest(tree / "scripts", "use") == script_digest(tmp_path / "elsewhere/scripts", "use")


def test_plotting_scripts_do_not_reach_the_kernels_nor_the_other_way_round():
    scripts = ROOT / "workflow/scripts"
    drawn = {path.stem for path in library_modules(scripts, scripts / "plot_map.py")}
    binned = library_modules(scripts, scripts / "bin_map.py")
    assert "likelihood" not in drawn
    assert not any("plotting" in path.parts for path in binned)


def test_the_folder_of_compiled_code_changes_with_constants_that_are_compiled_in(tmp_path):
    """numba would go on with the old ones."""
    package = tmp_path / "discatlas"
    package.mkdir()
    (package / "kernel.py").write_text("import numba\nfrom discatlas.sizes import SIZE\n")
    (package / "other.py").write_text("A = 1\n")
    digests = []
    for size, other in ((1, 1), (2, 1), (2, 2)):
        (package / "sizes.py").write_text(f"SIZE = {size}\n")
        (package / "other.py").write_text(f"A = {other}\n")
        digests.append(kernel_digest(tmp_path))
    assert digests[0] != digests[1] == digests[2]
