"""A posterior of spiral modes as tables to publish: parameters with their intervals, degeneracies, variants."""

import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from discatlas.publish import MISSING, with_error
from discatlas.publish_spiral_modes import SYMBOLS, UNITS

ENDS = ("median", "lo", "hi", "lo_95", "hi_95", "mean", "sd")
N_PAIRS = 6  # degeneracies in the foot of the table


def parameter_symbol(name: str) -> str:
    """Return the TeX symbol of a parameter, with dollars."""
    kind, index = name.split("_")[:2]
    if kind == "bar":
        return r"$f_\mathrm{bar}$"
    return rf"${SYMBOLS[kind]}_\mathrm{{{index if index.isdigit() else 'b'}}}$"


def posterior_columns(record: Mapping[str, Any]) -> dict[str, NDArray]:
    """Return one row per parameter of the posterior and of each variant: unit, prior, median, intervals, mean, standard deviation."""
    rows = [("posterior", name, part) for name, part in record["parameters"].items()]
    for variant, found in record["variants"].items():
        rows += [(variant, name, part) for name, part in found["parameters"].items()]
    columns = {
        "posterior": np.array([variant for variant, _, _ in rows], dtype=str),
        "parameter": np.array([name for _, name, _ in rows], dtype=str),
        "unit": np.array([part["unit"] for _, _, part in rows], dtype=str),
    }
    for k, end in enumerate(("prior_lower", "prior_upper")):
        columns[end] = np.array([part["prior"][k] for _, _, part in rows], dtype=np.float64)
    columns |= {end: np.array([part[end] for _, _, part in rows], dtype=np.float64) for end in ENDS}
    return columns | {"at_bound": np.array([" ".join(part["at_bound"]) for _, _, part in rows], dtype=str)}


def degeneracy_columns(record: Mapping[str, Any]) -> dict[str, NDArray]:
    """Return one row per pair of parameters, the strongest correlation first."""
    pairs = record["degeneracies"]
    columns = {key: np.array([pair[key] for pair in pairs], dtype=str) for key in ("x", "y")}
    return columns | {
        key: np.array([pair[key] for pair in pairs], dtype=np.float64) for key in ("correlation", "slope", "kept")
    }


def posterior_latex(record: Mapping[str, Any], caption: str) -> str:
    """Return medians with 68 % intervals as a LaTeX table, a column for the posterior and for each variant."""
    parts = {"posterior": record["parameters"]} | {
        name: part["parameters"] for name, part in record["variants"].items()
    }
    rows = []
    for name, part in record["parameters"].items():
        cells = [_cell(found.get(name)) for found in parts.values()]
        rows.append([parameter_symbol(name), UNITS.get(part["unit"], ""), *cells])
    for name, part in record["contrasts"].items():
        rows.append([f"contrast, $m = {name.split('_')[1]}$", "", _cell(part), *[MISSING] * (len(parts) - 1)])
    stream = io.StringIO()
    pairs = ", ".join(
        f"{parameter_symbol(pair['x'])} and {parameter_symbol(pair['y'])} ${pair['correlation']:+.2f}$"
        for pair in record["degeneracies"][:N_PAIRS]
    )
    fit, floor = record["fit"], record["floor"]
    latex = {
        "tabletype": "table",
        "caption": re.sub(r"([&%#_$])", r"\\\1", caption),
        "tablefoot": (
            f"Medians and central 68 per cent. {fit['n_cells']:,} cells; misfit of the model {floor['mean_kms']:.1f} "
            rf"km\,s$^{{-1}}$ over {floor['mean_length_kpc']:.1f} kpc. Strongest correlations: {pairs}."
        ),
    }
    names = ["parameter", "unit", *(name.replace("_", " ") for name in parts)]
    Table(rows=rows, names=names).write(stream, format="ascii.latex", latexdict=latex)
    return stream.getvalue()


def _cell(part: Mapping[str, float] | None) -> str:
    if part is None:
        return MISSING
    return with_error(part["median"], part["median"] - part["lo"], part["hi"] - part["median"])
