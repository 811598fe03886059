"""The pages of a fitted spiral response, by name."""

from matplotlib.figure import Figure

from discatlas.errors import DiscatlasError, nearest
from discatlas.plotting.spiral_context import Context, Tables
from discatlas.plotting.spiral_corner import draw_corner_page
from discatlas.plotting.spiral_degeneracies import DIMENSIONLESS as OF_DEGENERACIES
from discatlas.plotting.spiral_degeneracies import draw_degeneracy_page
from discatlas.plotting.spiral_gallery import draw_gallery_page, draw_parameter_page
from discatlas.plotting.spiral_loci import draw_loci_page
from discatlas.plotting.spiral_maps import DIMENSIONLESS as OF_MAPS
from discatlas.plotting.spiral_maps import draw_maps_page
from discatlas.plotting.spiral_resonances import draw_resonance_page, draw_spread_page
from discatlas.spiral_pages import RESPONSE_PAGES

DIMENSIONLESS = (*OF_MAPS, *OF_DEGENERACIES)
_MAKERS = {
    "maps": draw_maps_page,
    "corner": draw_corner_page,
    "spread": draw_spread_page,
    "resonances": draw_resonance_page,
    "loci": draw_loci_page,
    "gallery": draw_gallery_page,
    "parameters": draw_parameter_page,
    "degeneracies": draw_degeneracy_page,
}


def draw_response_page(page: str, tables: Tables, context: Context) -> Figure:
    """Draw one of `RESPONSE_PAGES`; an unknown page, or one with nothing on it, is a DiscatlasError."""
    if page not in _MAKERS:
        raise DiscatlasError(
            f"{context.where}: no page {page!r}{nearest(page, RESPONSE_PAGES)}; pages: {', '.join(RESPONSE_PAGES)}"
        )
    return _MAKERS[page](tables, context)
