"""The pages of a metallicity gradient, each drawn from its tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from discatlas.errors import DiscatlasError, nearest
from discatlas.gradients.pages import PAGES
from discatlas.plotting import gradient_models
from discatlas.plotting.gradient_corner import draw_corner_page
from discatlas.plotting.gradient_data import Columns, GradientFacts, model_rows, stars_of_bins
from discatlas.plotting.gradient_lines import draw_lines_page
from discatlas.plotting.gradient_models import draw_models_page
from discatlas.plotting.gradient_published import PublishedGradients
from discatlas.plotting.gradient_slopes import draw_slopes_page

DIMENSIONLESS = gradient_models.DIMENSIONLESS


@dataclass(frozen=True)
class GradientTables:
    """Tables of one gradient: fits, chains, and the stars that entered, by column."""

    fits: Columns
    chains: Columns
    stars: Columns


def draw_gradient_page(
    page: str,
    tables: GradientTables,
    facts: GradientFacts,
    published: Sequence[PublishedGradients],
    title: str,
    where: str,
) -> Figure:
    """Draw one of `PAGES`; `where` names the table of fits in errors.

    Raises
    ------
    DiscatlasError
        For an unknown page, and where no bin was fitted.
    """
    if page not in PAGES:
        raise DiscatlasError(f"{where}: no page {page!r}{nearest(page, PAGES)}; pages: {', '.join(PAGES)}")
    if page == "slopes":
        return draw_slopes_page(tables.fits, facts, published, title, where)
    if page == "corner":
        return draw_corner_page(tables.fits, tables.chains, facts, title, where)
    bins = stars_of_bins(tables.stars, model_rows(tables.fits, "linear"), facts)
    draw = draw_lines_page if page == "lines" else draw_models_page
    return draw(tables.fits, tables.chains, bins, facts, title, where)
