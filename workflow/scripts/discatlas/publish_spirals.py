"""Tables of spiral fits to publish, as LaTeX."""

import io
import re
from collections.abc import Mapping

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from discatlas.publish import MISSING, with_error

SPEED_UNIT = r"km\,s$^{-1}$\,kpc$^{-1}$"
# column, its error, heading, unit, factor
MEASURED = (
    ("scale_length_kpc", "scale_length_error_kpc", "$h_R$", "kpc", 1.0),
    (
        "surface_density_msun_kpc2",
        "surface_density_error_msun_kpc2",
        r"$\Sigma_\mathrm{max}$",
        r"M$_\odot$\,pc$^{-2}$",
        1e-6,
    ),
    ("pitch_deg", "pitch_error_deg", "$p$", "deg", 1.0),
    ("phase_deg", "phase_error_deg", r"$\psi$", "deg", 1.0),
    ("contrast", "contrast_error", r"$\xi$", r"\%", 100.0),
    ("v_R_mean_kms", "v_R_mean_error_kms", r"$\bar{v}_R$", r"km\,s$^{-1}$", 1.0),
)


def scan_latex(columns: Mapping[str, NDArray], caption: str) -> str:
    r"""Return the fits at fixed pattern speeds (contract ``spiral_scan``) as a LaTeX table, one row per pattern speed.

    Parameters with their errors, chi-square over the number of cells, explained variance, logarithm of the Bayes factor
    against an axisymmetric disc. Parameters that the table lacks are left out.
    """
    speeds = columns["pattern_speed_kms_kpc"]
    head, rows = {r"$\Omega_\mathrm{p}$": f"[{SPEED_UNIT}]"}, [[f"{speed:g}"] for speed in speeds]
    for name, error, heading, unit, factor in MEASURED:
        if name not in columns:
            continue
        head[heading] = f"[{unit}]"
        for row, value, width in zip(rows, columns[name], columns[error], strict=True):
            row.append(with_error(factor * float(value), factor * float(width)))
    head |= {r"$\chi^2/N$": "", "expl. var.": "", r"$\ln B$": ""}
    for i, row in enumerate(rows):
        row += [
            _number(columns["chi_square"][i] / columns["n_cells"][i], 2),
            _number(columns["explained_variance"][i], 3),
            with_error(float(columns["ln_bayes_factor"][i]), float(columns["ln_evidence_error"][i])),
        ]
    stream = io.StringIO()
    latex = {
        "tabletype": "table",
        "caption": re.sub(r"([&%#_$])", r"\\\1", caption),
        "units": {name: unit for name, unit in head.items() if unit},
    }
    Table(rows=rows, names=list(head)).write(stream, format="ascii.latex", latexdict=latex)
    return stream.getvalue()


def _number(value: float, digits: int) -> str:
    return f"${value:.{digits}f}$" if np.isfinite(value) else MISSING
