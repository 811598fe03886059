"""Ages of clusters as a LaTeX table."""

import io
import re
from collections.abc import Mapping

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from discatlas.publish import MISSING, with_error


def cluster_latex(columns: Mapping[str, NDArray], caption: str) -> str:
    """Return clusters as a LaTeX table: name, members, age with p16 and p84, that of the paper's product, the catalogue's.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (m,)
        Columns of contract ``cluster_ages``.
    """
    rows = []
    for k, name in enumerate(columns["cluster"]):
        low, middle, high = (columns[f"log_age_p{p}_dex"][k] for p in (16, 50, 84))
        theirs, error = columns["catalogue_log_age_dex"][k], columns["catalogue_log_age_error_dex"][k]
        bare = f"${theirs:.2f}$" if np.isfinite(theirs) else MISSING
        rows.append(
            [
                re.sub(r"([&%#_$])", r"\\\1", str(name)),
                f"{columns['n_members'][k]:d}",
                with_error(middle, middle - low, high - middle),
                with_error(columns["log_age_zari2025_dex"][k], columns["log_age_zari2025_error_dex"][k]),
                with_error(theirs, error) if np.isfinite(error) else bare,
            ]
        )
    head = {
        "Cluster": "",
        "$N$": "",
        r"$\log_{10}\tau$": "[dex]",
        r"$\log_{10}\tau$ (prior $N$ times)": "[dex]",
        r"$\log_{10}\tau$ (catalogue)": "[dex]",
    }
    latex = {
        "tabletype": "table",
        "caption": re.sub(r"([&%#_$])", r"\\\1", caption),
        "units": {name: unit for name, unit in head.items() if unit},
        "tablefoot": r"\tablefoot{$\tau$ in years; $N$: stars that make the age.}",
    }
    stream = io.StringIO()
    Table(rows=rows, names=list(head)).write(stream, format="ascii.latex", latexdict=latex)
    return stream.getvalue()
