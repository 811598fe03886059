"""Reader of MIST's own isochrone files, ``.iso`` and ``.iso.cmd``: one [Fe/H], many ages, plain text.

The format is that of MIST v1.2 (Choi et al. 2016, ApJ 823, 102; Dotter 2016, ApJS 222, 8): comment lines with version,
abundances, rotation and number of isochrones; then per isochrone a line ``# number of EEPs, cols = n m``, the numbers
of the columns, their names beginning with EEP, and n rows.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest

Array = NDArray[np.float64]
SUFFIXES = (".iso", ".iso.cmd")
KS = "2MASS_Ks"
_WANTED = ("EEP", "log10_isochrone_age_yr", "initial_mass", "log_Teff", "log_g")


@dataclass(frozen=True)
class MistFile:
    """One file: initial [Fe/H] [dex], ages, and per age a table, shape (n, 6).

    Columns of a table: EEP, initial mass [msun], log10(Teff/K), log g [dex], log10(L/Lsun), and M_Ks [mag], which is
    NaN where the file has no 2MASS magnitudes.
    """

    path: Path
    feh_dex: float
    rotation: float
    log_age: Array
    tables: list[Array]


def read_folder(folder: Path) -> list[MistFile]:
    """Return the isochrones of a folder in the order of [Fe/H]; of a pair, the ``.iso.cmd`` file is read.

    Raises
    ------
    DiscatlasError
        If there is no such file, two have the same [Fe/H], or their rotations differ.
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.glob("*") if path.name.endswith(SUFFIXES)) if folder.is_dir() else []
    if not paths:
        raise DiscatlasError(f"{folder}: no files *.iso.cmd or *.iso of MIST; put them there, one for each [Fe/H]")
    magnitudes = [path for path in paths if path.name.endswith(".iso.cmd")]
    files = sorted((read_mist_file(path) for path in magnitudes or paths), key=lambda file: file.feh_dex)
    for one, other in pairwise(files):
        if one.feh_dex == other.feh_dex:
            raise DiscatlasError(f"{one.path} and {other.path}: both have [Fe/H] = {one.feh_dex:g}; keep one of them")
        if one.rotation != other.rotation:
            raise DiscatlasError(
                f"{one.path} and {other.path}: v/vcrit is {one.rotation:g} and {other.rotation:g}; keep one of the two"
            )
    return files


def read_mist_file(path: Path) -> MistFile:
    """Read one file.

    Raises
    ------
    DiscatlasError
        If it is not of the format, ends early, lacks a column, or has magnitudes with extinction.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    values = _abundances(lines, path)
    heads = [i for i, line in enumerate(lines) if line.startswith("# number of EEPs")]
    wanted = _number(lines, "number of isochrones", path)
    extinction = _number(lines, "Av_extinction", path, 0.0)
    if extinction != 0.0:
        raise DiscatlasError(f"{path}: its magnitudes have A_V = {extinction:g} mag; expected none: fetch it with 0")
    if len(heads) != wanted:
        raise DiscatlasError(f"{path}: {len(heads)} isochrones, its head says {wanted:g}; fetch it anew")
    ages, tables = zip(*(_read_isochrone(lines, i, path) for i in heads), strict=True)
    return MistFile(Path(path), values["[Fe/H]"], values["v/vcrit"], np.array(ages), list(tables))


def _abundances(lines: list[str], path: Path) -> dict[str, float]:
    """Return what stands under the line of names: Yinit, Zinit, [Fe/H], [a/Fe], v/vcrit."""
    for i, line in enumerate(lines[:12]):
        names = line.split()[1:]
        if "[Fe/H]" in names and "v/vcrit" in names:
            return dict(zip(names, (float(word) for word in lines[i + 1].split()[1:]), strict=True))
    raise DiscatlasError(
        f"{path}: no line of [Fe/H] and v/vcrit among its first; expected an isochrone file of MIST v1.2"
    )


def _number(lines: list[str], name: str, path: Path, default: float | None = None) -> float:
    for line in lines[:14]:
        if line.startswith("#") and name in line and "=" in line:
            return float(line.split("=")[1])
    if default is None:
        raise DiscatlasError(f"{path}: no {name!r} in its head; expected an isochrone file of MIST v1.2")
    return default


def _read_isochrone(lines: list[str], head: int, path: Path) -> tuple[float, Array]:
    """Return the log age and the table of the isochrone whose head is line `head`."""
    n_rows = int(lines[head].split("=")[1].split()[0])
    names = lines[head + 2].split()[1:]
    for name in _WANTED:
        if name not in names:
            raise DiscatlasError(f"{path}: no column {name!r}{nearest(name, names)} in line {head + 3:,}")
    if KS not in names and "log_L" not in names:
        raise DiscatlasError(f"{path}: neither column {KS!r} nor 'log_L' in line {head + 3:,}")
    wanted = [name for name in (*_WANTED, "log_L", KS) if name in names]
    rows = [line for line in lines[head + 3 : head + 3 + n_rows] if not line.startswith("#")]
    try:
        data = np.loadtxt(rows, usecols=[names.index(name) for name in wanted], ndmin=2) if rows else np.empty((0, 0))
    except ValueError:
        data = np.empty((0, 0))
    if len(data) != n_rows:
        raise DiscatlasError(
            f"{path}: expected {n_rows:,} rows of {len(names)} numbers after line {head + 3:,}; fetch it anew"
        )
    columns = [
        data[:, wanted.index(name)] if name in wanted else np.full(n_rows, np.nan)
        for name in ("EEP", "initial_mass", "log_Teff", "log_g", "log_L", KS)
    ]
    return float(data[0, wanted.index("log10_isochrone_age_yr")]), np.column_stack(columns)
