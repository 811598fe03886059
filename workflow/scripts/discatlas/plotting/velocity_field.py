"""The pages of a velocity field: coefficients and errors by order, Oort's constants, north minus south, significance."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discatlas.contracts import error_column
from discatlas.errors import DiscatlasError, nearest
from discatlas.plotting.field_labels import column_error_label, column_label, column_symbol
from discatlas.plotting.field_profiles import COEFFICIENT_LABEL, draw_profile_page, draw_radius_page
from discatlas.plotting.labels import COUNT
from discatlas.plotting.nodes import Field, FieldFacts, NodePanel, draw_node_page, is_fitted, rows_of_radius
from discatlas.velocity_field import COMPONENTS, DEGREES, TERMS, coefficient_column
from discatlas.velocity_field.oort import CONSTANTS
from discatlas.velocity_field.pages import PAGES

# what vanishes in an axisymmetric disc at rest in R and Z
FEATURES = ("v_R_0_kms", "v_R_R_kms_kpc", "v_R_phi_kms_kpc", "v_phi_phi_kms_kpc", "v_Z_0_kms", "v_Z_R_kms_kpc")
SIGNIFICANT = 3.0
PLAIN = ("v_phi_0_kms", "A_kms_kpc", "B_kms_kpc")  # far from zero everywhere
CONDITION_LABEL = "condition number"
DIMENSIONLESS = (CONDITION_LABEL, COEFFICIENT_LABEL, *(f"${column_symbol(name)}$ / error" for name in FEATURES))

Panels = list[list[NodePanel | None]]


def draw_field_page(
    page: str, field: Field, facts: FieldFacts, radius_kpc: float, title: str, percentile: float, where: str
) -> Figure:
    """Draw one of `PAGES` of a velocity field.

    Parameters
    ----------
    field : mapping of str to ndarray, shape (n,)
        Columns of contract ``velocity_field``, all radii.
    radius_kpc : float
        The sphere that the page is about; ``significance`` and ``radii`` compare all.
    percentile : float
        Central share of the nodes [per cent] inside the colour limits, 96 or more.
    where : str
        The file, for messages.

    Raises
    ------
    DiscatlasError
        For an unknown page, and where no node of that radius was fitted.
    """
    if page not in PAGES:
        raise DiscatlasError(f"{where}: no page {page!r}{nearest(page, PAGES)}; pages: {', '.join(PAGES)}")
    rows = rows_of_radius(field, radius_kpc, where)
    note = facts.note(radius_kpc, int(is_fitted(rows).sum()))
    if page == "radii":
        return draw_radius_page(field, facts, title)
    if page.startswith("profiles"):
        return draw_profile_page(rows, facts, radius_kpc, title, second=page.endswith("second"))
    makers = {"oort": _oort, "north_minus_south": _difference}
    if page in makers:
        panels = makers[page](rows)
    elif page == "value":
        panels = _value(rows, facts)
    elif page == "significance":
        panels = _significance(field)
        lines = f"values over their standard errors, contours at {SIGNIFICANT:g} and \N{MINUS SIGN}{SIGNIFICANT:g}"
        note = f"{facts.counts}; {lines}. {facts.marks}"
    else:
        panels = _derivatives(rows, {"first": 1, "second": 2}[page])
    return draw_node_page(panels, rows, facts, note, title, percentile)


def _pair(rows: Field, column: str) -> tuple[NodePanel, NodePanel]:
    """Panels of a quantity and of its error."""
    value = NodePanel(column_label(column), rows[column], "plain" if column in PLAIN else "signed")
    return value, NodePanel(column_error_label(column), rows[error_column(column)], "error")


def _value(rows: Field, facts: FieldFacts) -> Panels:
    counts = np.where(rows["n_cells"] > 0, rows["n_cells"], np.nan)
    condition = np.where(np.isfinite(rows["condition"]), rows["condition"], np.nan)
    last = [
        NodePanel(f"{COUNT} {facts.counted}", counts, "count"),
        NodePanel(CONDITION_LABEL, condition, "plain"),
        None,
    ]
    panels: Panels = []
    for component, other in zip(COMPONENTS, last, strict=True):
        column = f"{component}_residual_kms"
        residual = NodePanel(column_label(column), rows[column], "dispersion")
        panels.append([*_pair(rows, coefficient_column(component, "0", 2)), residual, other])
    return panels


def _derivatives(rows: Field, degree: int) -> Panels:
    terms = [term for term, n in zip(TERMS, DEGREES, strict=True) if n == degree]
    panels: Panels = []
    for component in COMPONENTS:
        pairs = [_pair(rows, coefficient_column(component, term, 2)) for term in terms]
        if degree == 1:
            panels.append([panel for pair in pairs for panel in pair])
        else:
            panels += [[pair[k] for pair in pairs] for k in (0, 1)]
    return panels


def _oort(rows: Field) -> Panels:
    pairs = [_pair(rows, f"{name}_kms_kpc") for name in CONSTANTS]
    return [[pair[k] for pair in pairs] for k in (0, 1)]


def _difference(rows: Field) -> Panels:
    panels: Panels = []
    for component in COMPONENTS:
        names = [f"{component}_kms", *(coefficient_column(component, term, 2) for term in TERMS[:4])]
        pairs = [_pair(rows, f"north_minus_south_{name}") for name in names]
        panels += [[pair[k] for pair in pairs] for k in (0, 1)]
    return panels


def significance(rows: Field, column: str) -> NDArray[np.float64]:
    """Return a column over its standard error; NaN where there is no fit."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(is_fitted(rows), rows[column] / rows[error_column(column)], np.nan)


def _significance(field: Field) -> Panels:
    radii = [float(radius) for radius in np.unique(field["radius_kpc"])]
    parts = {
        radius: {name: column[field["radius_kpc"] == radius] for name, column in field.items()} for radius in radii
    }
    values = {name: {radius: significance(rows, name) for radius, rows in parts.items()} for name in FEATURES}
    return [
        [
            NodePanel(
                f"${column_symbol(name)}$ / error",
                values[name][radius],
                alike=tuple(values[name].values()),
                lines=(-SIGNIFICANT, SIGNIFICANT),
                title=f"within {radius:g} kpc",
                rows=rows,
            )
            for name in FEATURES
        ]
        for radius, rows in parts.items()
    ]
