"""Best parameters of a fit of spiral modes, beside those of another model, as CSV and LaTeX."""

import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from discatlas.publish import MISSING

SYMBOLS = {"amplitude": "A", "pitch": "p", "phase": r"\varphi", "Omega": r"\Omega"}
UNITS = {"percent": r"\%", "deg": "deg", "km / (s kpc)": r"km\,s$^{-1}$\,kpc$^{-1}$", "km / s": r"km\,s$^{-1}$"}
GROUPS = {
    "all": "rms, all cells",
    "outside": "rms, cells away from points",
    "beyond_bar": "rms, beyond the bar's corotation",
}
DIGITS = {"percent": 3, "deg": 1, "km / (s kpc)": 2}


def modes_columns(record: Mapping[str, Any]) -> dict[str, NDArray]:
    """Return one row per parameter: name, unit, bounds, best value, that before the gradient descent, and the other model's.

    Further rows hold the amplitude K of each mode, its cut-offs and contrast, the objective and the rms over all cells.
    """
    rows = [
        (name, part["unit"], *part["bounds"], part["best"], part["before_polish"], part["compared"])
        for name, part in record["parameters"].items()
    ]
    rows += [(name, unit, None, None, best, before, other) for name, unit, best, before, other in _derived(record)]
    names = ("quantity", "unit", "lower", "upper", "best", "before_polish", "compared")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    texts = {name: np.array(columns.pop(name), dtype=str) for name in ("quantity", "unit")}
    return texts | {name: np.array(values, dtype=np.float64) for name, values in columns.items()}


def _derived(record: Mapping[str, Any]) -> list[tuple]:
    rows = []
    model, objective, rms = record["model"], record["objective"], record["rms"]
    for entry in model["spirals"]:
        m = entry["m"]
        rows.append((f"K_{m}_km2_s2", "km2 / s2", entry["K_km2_s2"], None, None))
        rows += [
            (f"R_{end}_{m}_kpc", "kpc", limit, None, None)
            for end, limit in zip(("inner", "outer"), entry["R_limits_kpc"], strict=True)
        ]
        rows.append((f"contrast_{m}", "", model["contrasts"][f"spiral_m{m}"]["winding"], None, None))
    for kind in ("unbiased", "khalil2025"):
        values = [objective.get(name, {}).get(kind) for name in ("best", "before_polish", "compared")]
        rows.append((f"objective_{kind}", "", *values))
    for which in GROUPS:
        values = [rms[f"{which}_kms"].get(name) for name in ("best", "before_polish", "compared")]
        rows.append((f"rms_{which}_kms", "km / s", *values))
    return rows


def modes_latex(record: Mapping[str, Any], caption: str) -> str:
    """Return parameters, objective and rms as a LaTeX table: the fit, and the model that it is compared with."""
    objective, rms, rows = record["objective"], record["rms"], []
    for name, part in record["parameters"].items():
        digits = DIGITS.get(part["unit"], 3)
        values = [_number(part[which], digits) for which in ("best", "compared")]
        rows.append([_symbol(name), UNITS.get(part["unit"], ""), *values])
    pairs = [(objective[name]["unbiased"] if name in objective else None) for name in ("best", "compared")]
    rows.append([r"objective", "", *(_number(value, 1) for value in pairs)])
    for which, text in GROUPS.items():
        values = [_number(rms[f"{which}_kms"].get(name), 2) for name in ("best", "compared")]
        rows.append([text, UNITS["km / s"], *values])
    stream = io.StringIO()
    latex = {"tabletype": "table", "caption": re.sub(r"([&%#_$])", r"\\\1", caption)}
    latex["tablefoot"] = (
        f"With $v_R = 0$ everywhere the objective is {objective['zero']['unbiased']:.1f}, and the rms over all cells "
        rf"{rms['all_kms']['zero']:.2f} km\,s$^{{-1}}$."
    )
    names = ["parameter", "unit", "fit", "compared"]
    Table(rows=rows, names=names).write(stream, format="ascii.latex", latexdict=latex)
    return stream.getvalue()


def _symbol(name: str) -> str:
    kind, index = name.split("_")[:2]
    if kind == "bar":
        return r"$f_\mathrm{bar}$"
    return f"${SYMBOLS[kind]}_{{{index if index.isdigit() else 'b'}}}$".replace("{b}", r"{\mathrm{b}}")


def _number(value: float | None, digits: int) -> str:
    return MISSING if value is None or not np.isfinite(value) else f"${value:.{digits}f}$"
