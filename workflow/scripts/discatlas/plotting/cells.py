"""Map cells as they are drawn: what the map file says about its grid, and cells as their true polygons."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap, ListedColormap, Normalize
from numpy.typing import NDArray

from discatlas.contracts import join_unit, split_unit
from discatlas.errors import DiscatlasError
from discatlas.plotting.style import FEW_STARS

RASTER_CELLS = 20_000  # beyond this many cells the PDF holds them as an image
COLOUR_BAR = "<colorbar>"  # matplotlib's own label of the axes of a colour bar
DECORATION = "discatlas-decoration"  # mark of artists that are no data, for the audit


@dataclass(frozen=True)
class MapFacts:
    """What a map's provenance says: axes, shape ("square" or "hexagon"), cell sizes, limits, and how it was made."""

    axes: tuple[str, ...]
    cell_shape: str
    cell_size: tuple[float, ...]
    limits: tuple[tuple[float, float], ...]
    selection: str | None
    min_stars: int
    n_stars: int
    objects: str = "stars"
    without_errors: tuple[str, ...] = ()

    def selection_note(self, quantity: str) -> str:
        """Return the selection in words, and whether the dispersion of `quantity` still holds its unknown errors."""
        words = f"selection: {self.selection or 'none'}"
        return f"{words}; errors unknown: the dispersion holds them" if quantity in self.without_errors else words


def map_facts(provenance: Mapping[str, Any], where: str, objects: str = "stars") -> MapFacts:
    """Return the facts of a map from its provenance; a missing key is a DiscatlasError that names `where`.

    `objects` is what the sample holds, in words, for the texts of the figure.
    """
    about = {**provenance, **provenance.get("grid", {})}
    for key in ("axes", "cell_shape", "cell_size", "limits", "selection", "min_stars", "n_stars"):
        if key not in about:
            raise DiscatlasError(
                f"{where}: no {key!r} in its provenance: no map of this workflow; remake it with bin_map"
            )
    return MapFacts(
        axes=tuple(about["axes"]),
        cell_shape=about["cell_shape"],
        cell_size=tuple(float(size) for size in about["cell_size"]),
        limits=tuple((float(low), float(high)) for low, high in about["limits"]),
        selection=about["selection"] or None,
        min_stars=int(about["min_stars"]),
        n_stars=int(about["n_stars"]["in_cells"]),
        objects=objects,
        without_errors=tuple(name for name, column in provenance.get("errors", {}).items() if column == "none"),
    )


def infix(name: str, word: str) -> str:
    """Return a column name with `word` before its unit: ``infix("v_R_kms", "ml_mean")`` gives ``v_R_ml_mean_kms``."""
    base, suffix = split_unit(name)
    return join_unit(f"{base}_{word}", suffix)


def draw_cells(
    ax: Axes,
    facts: MapFacts,
    centres: NDArray[np.float64],
    values: NDArray[np.float64],
    cmap: str | Colormap,
    norm: Normalize,
) -> ScalarMappable:
    """Draw cells with centres of shape (m, 2), coloured by `values` of shape (m,); NaN cells are grey.

    Squares become one mesh over the occupied range, hexagons one collection of polygons. Returns what the
    colour bar needs.
    """
    known = np.isfinite(values)
    draw = _draw_hexagons if facts.cell_shape == "hexagon" else _draw_mesh
    if not known.all():
        zeros = np.zeros(np.count_nonzero(~known))
        grey = draw(ax, facts, centres[~known], zeros, ListedColormap([FEW_STARS]), Normalize(0, 1))
        grey.set_gid(DECORATION)
    return draw(ax, facts, centres[known], values[known], cmap, norm)


def _draw_mesh(
    ax: Axes,
    facts: MapFacts,
    centres: NDArray[np.float64],
    values: NDArray[np.float64],
    cmap: str | Colormap,
    norm: Normalize,
) -> ScalarMappable:
    low, size = np.array([limit[0] for limit in facts.limits]), np.array(facts.cell_size)
    index = np.floor((centres - low) / size).astype(np.int64)
    first, last = index.min(axis=0), index.max(axis=0)
    mesh = np.full(last - first + 1, np.nan)
    mesh[tuple((index - first).T)] = values
    edges = [low[k] + size[k] * np.arange(first[k], last[k] + 2) for k in range(2)]
    masked = np.ma.masked_invalid(mesh.T)
    return ax.pcolormesh(
        edges[0], edges[1], masked, cmap=cmap, norm=norm, rasterized=values.size > RASTER_CELLS, linewidth=0, zorder=1
    )


def hexagon_corners(centres: NDArray[np.float64], cell_size: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the corners, shape (m, 6, 2), of hexagons with a corner up, `cell_size[0]` apart in a row.

    Once each axis is divided by its size they are regular.
    """
    angles = np.radians(30.0 + 60.0 * np.arange(6))
    offsets = np.stack([np.cos(angles), np.sin(angles)], axis=1) / np.sqrt(3.0)
    return centres[:, None, :] + offsets[None] * np.asarray(cell_size)


def _draw_hexagons(
    ax: Axes,
    facts: MapFacts,
    centres: NDArray[np.float64],
    values: NDArray[np.float64],
    cmap: str | Colormap,
    norm: Normalize,
) -> ScalarMappable:
    collection = PolyCollection(
        hexagon_corners(centres, facts.cell_size),
        array=values,
        cmap=cmap,
        norm=norm,
        edgecolors="face",
        linewidths=0.35,
        zorder=1,
    )
    collection.set_rasterized(values.size > RASTER_CELLS)
    ax.add_collection(collection, autolim=False)
    return collection
