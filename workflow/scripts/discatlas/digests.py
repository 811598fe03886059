"""The digest of the library code that a script reaches: Snakemake does not see edits of imported modules, this does."""

import ast
import hashlib
import re
from functools import cache
from pathlib import Path

PACKAGE = "discatlas"


def script_digest(folder: Path, script: str) -> str:
    """Return a digest of every library module and contract that ``<script>.py`` in `folder` reaches through imports.

    Contracts count where a reached file calls ``load_contract("name")``. The script itself does not: Snakemake
    watches it already.
    """
    reached = library_modules(folder, folder / f"{script}.py")
    contracts = folder.parent / "schemas" / "tables"
    files = sorted(
        reached
        | {contracts / f"{name}.yaml" for name in contract_names(reached | {folder / f"{script}.py"}, contracts)}
    )
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(folder.parent).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def kernel_digest(folder: Path) -> str:
    """Return a digest of every library file that uses numba and of what they import, to name the folder of compiled code.

    numba's own cache compares only the file of the function that is called, not those of the functions it calls, nor
    those of the constants that are compiled in.
    """
    kernels = {path for path in (folder / PACKAGE).rglob("*.py") if "numba" in path.read_text(encoding="utf-8")}
    files = sorted(kernels | library_modules(folder, *kernels))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:16]


def library_modules(folder: Path, *files: Path) -> set[Path]:
    """Return the library files that `files` import, directly or through others, with the packages they lie in."""
    reached: set[Path] = set()
    waiting = list(files)
    while waiting:
        for path in _imported_files(folder, _text(waiting.pop())):
            if path not in reached:
                reached.add(path)
                waiting.append(path)
    return reached


def imported_modules(file: Path) -> list[str]:
    """Return the dotted names that a Python file imports, with each name of ``from x import y`` also as ``x.y``."""
    return list(_names(_text(file))[0])


def _text(file: Path) -> str:
    stat = file.stat()
    return _read(file, stat.st_mtime_ns, stat.st_size)


@cache  # by time and size: most files are reached by most scripts
def _read(file: Path, _time: int, _size: int) -> str:
    return file.read_text(encoding="utf-8")


@cache
def _imported_files(folder: Path, text: str) -> tuple[Path, ...]:
    return tuple(path for module in _names(text)[0] for path in _module_files(folder, module))


@cache
def _names(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the names that a Python text imports, and the contracts that it loads."""
    modules: list[str] = []
    waiting: list[ast.AST] = [ast.parse(text)]
    while waiting:
        for node in _statements(waiting.pop()):
            if isinstance(node, ast.Import):
                modules += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                waiting.append(node)
    return tuple(modules), frozenset(re.findall(r"""\bload_contract\(\s*["'](\w+)["']""", text))


def _statements(node: ast.AST) -> list[ast.AST]:
    """Return the statements, handlers and cases directly inside a node: imports are nowhere else."""
    return [
        part
        for name in ("body", "orelse", "finalbody", "handlers", "cases")
        for part in getattr(node, name, ())
        if isinstance(part, ast.AST)
    ]


def _module_files(folder: Path, module: str) -> list[Path]:
    parts = module.split(".")
    if parts[0] != PACKAGE:
        return []
    files = [folder.joinpath(*parts[:i], "__init__.py") for i in range(1, len(parts) + 1)]
    files.append(folder.joinpath(*parts[:-1], f"{parts[-1]}.py"))
    return [path for path in files if path.exists()]


def contract_names(files: set[Path], contracts: Path) -> set[str]:
    """Return the contracts named in ``load_contract("...")`` calls of `files`, with those that they extend."""
    names = {name for file in files for name in _names(_text(file))[1]}
    for name in list(names):
        for line in (contracts / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
            if line.startswith("extends:"):
                names.add(line.split(":")[1].strip())
    return names
