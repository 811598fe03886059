"""From tables to the likelihood of a fit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest
from discatlas.maps.stars import read_selected
from discatlas.maps.windows import Windows, is_usable, member_weights, window_members
from discatlas.spiral_fit.covariance import Noise, pooled_errors, shared_correlations
from discatlas.spiral_fit.likelihood import COLD, Likelihood, Response
from discatlas.spiral_fit.masks import Mask
from discatlas.spiral_fit.nodes import Places, centres, make_nodes, squares, star_places
from discatlas.spiral_fit.parameters import Priors, SpiralModel
from discatlas.spiral_fit.reduction import COLUMNS, reduction_at
from discatlas.tables import read_columns, read_provenance

Array = NDArray[np.float64]
COVARIANCES = ("pooled", "windows", "diagonal")
STARS = ["X_kpc", "Y_kpc", "v_R_kms", "v_R_error_kms"]
CELLS = ["cell", "X_kpc", "Y_kpc", "R_kpc", "phi_deg", "v_R_kms", "v_R_error_kms"]


@dataclass(frozen=True)
class Settings:
    """All that the config says about a fit; what is not explained here is that of `SpiralModel`, `Priors` and `Mask`.

    Parameters
    ----------
    disc_surface_density_msun_kpc2 : float
        Of the disc at R0, for the contrast.
    covariance : str
        ``pooled``: with the correlations of windows that share stars and the errors averaged over neighbours;
        ``windows``: with the correlations and the errors that come with the map. A map without stars or correlations has
        its errors made longer for its correlation length instead. ``diagonal``: as if the cells were independent, which
        makes intervals shorter by a factor of about 2.5 (Tang et al. 2026).
    floor_kms : float
        Added to the errors in quadrature; it is as correlated as they are.
    window_kpc : float or None
        Side of the squares over which a map without stars was averaged, None for points.
    reduction_sigma_R_kms : float or None
        Which tabulated dispersion reduces the response, if any.
    """

    m: int
    terms: str
    pattern_speed_kms_kpc: float | list[float]
    R_limits_kpc: list[float]
    scale_length_kpc: list[float]
    surface_density_msun_kpc2: list[float]
    pitch_deg: list[float]
    normalisation: str
    scale_height_kpc: float
    disc_surface_density_msun_kpc2: float
    v_c_kms: float
    v_c_slope: float
    core_kpc: float | None
    regularisation: float
    resonance_margin: float | None
    crowding: dict[str, float] | None
    covariance: str
    floor_kms: float
    mean: str
    parametrisation: str
    window_kpc: float | None
    reduction_sigma_R_kms: float | None
    R0_kpc: float

    def __post_init__(self) -> None:
        if self.covariance not in COVARIANCES:
            raise DiscatlasError(f"covariance: got {self.covariance!r}, expected {' or '.join(COVARIANCES)}")
        if not self.floor_kms >= 0:
            raise DiscatlasError(f"floor_kms: got {self.floor_kms!r}, expected 0 or more")
        _ = self.mask, self.model, self.priors

    @classmethod
    def from_config(cls, config: Mapping[str, Any], R0_kpc: float, where: str) -> "Settings":
        """Return the settings of a config entry, which has all fields but `R0_kpc`; `where` names it in errors."""
        known = CONFIG_KEYS
        for key in [*config, *known]:
            if key not in known:
                raise DiscatlasError(f"{where}: unknown key {key!r}{nearest(key, known)}; expected {', '.join(known)}")
            if key not in config:
                raise DiscatlasError(f"{where}: key {key!r} is missing; expected {', '.join(known)}")
        try:
            return cls(**config, R0_kpc=R0_kpc)
        except DiscatlasError as error:
            raise DiscatlasError(f"{where}: {error}") from None

    @classmethod
    def from_record(cls, record: dict[str, Any], where: str) -> "Settings":
        """Return the settings that a fit left in the provenance of its table."""
        names = [field.name for field in fields(cls)]
        if not isinstance(record, dict) or set(record) != set(names):
            raise DiscatlasError(f"{where}: its provenance holds no settings of a fit; make it anew")
        return cls(**record)

    @property
    def model(self) -> SpiralModel:
        """What is fixed; the pivot is the geometric mean of the range of radii."""
        low, high = self.R_limits_kpc
        return SpiralModel(
            m=self.m,
            terms=self.terms,
            normalisation=self.normalisation,
            scale_height_kpc=self.scale_height_kpc,
            R0_kpc=self.R0_kpc,
            v_c_kms=self.v_c_kms,
            v_c_slope=self.v_c_slope,
            core_kpc=self.core_kpc,
            regularisation=self.regularisation,
            pivot_kpc=float(np.sqrt(low * high)),
        )

    @property
    def priors(self) -> Priors:
        """The priors."""
        speed = self.pattern_speed_kms_kpc
        return Priors(
            scale_length_kpc=tuple(self.scale_length_kpc),
            surface_density_msun_kpc2=tuple(self.surface_density_msun_kpc2),
            pitch_deg=tuple(self.pitch_deg),
            pattern_speed_kms_kpc=speed if isinstance(speed, (int, float)) else tuple(speed),
            mean=self.mean,
            parametrisation=self.parametrisation,
        )

    @property
    def mask(self) -> Mask:
        """Which cells are fitted."""
        return Mask(tuple(self.R_limits_kpc), self.resonance_margin, self.crowding)

    @property
    def record(self) -> dict[str, Any]:
        """All settings, for provenance."""
        return asdict(self)


CONFIG_KEYS = tuple(field.name for field in fields(Settings) if field.name != "R0_kpc")


@dataclass(frozen=True)
class ResponseMap:
    """A map of v_R, and what belongs to it.

    Parameters
    ----------
    columns : mapping
        Columns `CELLS`, sorted by cell.
    places : Places
        The window of each cell.
    averaging : str
        ``stars``, ``window`` or ``centre``: what the places are.
    pairs : (ndarray, ndarray, ndarray) or None
        Rows of two cells and their correlation; None where they are not known.
    jitter : float
        Share of the variance that is each cell's own.
    correlation_kpc : float or None
        Declared correlation length of a map without pairs.
    where : str
        Name of the table, for errors.
    """

    columns: dict[str, NDArray[Any]]
    places: Places
    averaging: str
    pairs: tuple[NDArray[np.int64], NDArray[np.int64], Array] | None
    jitter: float
    correlation_kpc: float | None
    where: str


@dataclass(frozen=True)
class Problem:
    """A fit that is ready to be made.

    Parameters
    ----------
    errors, reason : ndarray, shape (number of cells of the map,)
        Errors with the floor [km/s], and whether each cell is used, or why not.
    rows : ndarray, shape (n,)
        Rows of the map's table that are fitted.
    likelihood : Likelihood
        Of these.
    """

    settings: Settings
    chart: ResponseMap
    errors: Array
    reason: NDArray[np.str_]
    rows: NDArray[np.int64]
    likelihood: Likelihood
    reduction_table: dict[str, NDArray[Any]] | None


def read_map(cells: Path, covariance: Path | None, stars: Path | None, window_kpc: float | None) -> ResponseMap:
    """Read a smoothed map with its stars and correlations, or a published one without.

    Raises
    ------
    DiscatlasError
        For missing columns, an empty map and a map that was not made of these stars.
    """
    about = read_provenance(cells)
    names = [*CELLS, *(["sigma_v_R_kms"] if stars else [])]
    columns = read_columns(cells, names)
    order = np.argsort(columns["cell"], kind="stable")
    columns = {name: values[order] for name, values in columns.items()}
    if not order.size:
        raise DiscatlasError(f"{cells}: the map has no cell")
    if stars:
        places, averaging = _star_windows(cells, columns, stars, about), "stars"
    elif window_kpc is not None:
        places, averaging = squares(columns["X_kpc"], columns["Y_kpc"], window_kpc), "window"
    else:
        places, averaging = centres(columns["X_kpc"], columns["Y_kpc"]), "centre"
    pairs = _read_pairs(covariance, columns["cell"]) if covariance else None
    jitter = 1.0 / about["n_bootstraps"] if "n_bootstraps" in about else 0.0
    correlation_kpc = about.get("error_model", {}).get("correlation_kpc")
    return ResponseMap(columns, places, averaging, pairs, jitter, correlation_kpc, str(cells))


def _star_windows(cells: Path, columns: dict[str, NDArray[Any]], stars: Path, about: dict[str, Any]) -> Places:
    """Return the stars of each window with the weights that the map's means have."""
    if "windows" not in about:
        raise DiscatlasError(f"{cells}: its provenance holds no windows; expected a map made by rule smooth_map")
    table, _ = read_selected(stars, STARS, about.get("selection"))
    usable = is_usable(table["v_R_kms"], table["v_R_error_kms"], f"{stars}: v_R_kms")
    X, Y, _, errors = (table[name][usable] for name in STARS)
    windows = Windows(**about["windows"])
    offsets, indices = window_members(X, Y, windows)
    variances = np.full(windows.n_windows, np.nan)
    if columns["cell"].max() >= windows.n_windows:
        raise DiscatlasError(
            f"{cells}: cell {columns['cell'].max():,} is not among the {windows.n_windows:,} windows of its grid"
        )
    variances[columns["cell"]] = columns["sigma_v_R_kms"] ** 2
    places = star_places(X, Y, offsets, indices, member_weights(errors, variances, offsets, indices))
    empty = np.isfinite(columns["v_R_kms"]) & (np.diff(offsets)[columns["cell"]] == 0)
    if empty.any():
        raise DiscatlasError(
            f"{cells}: {int(empty.sum()):,} of its windows hold none of the stars of {stars}; it was made of others"
        )
    return places.take(columns["cell"])


def _read_pairs(path: Path, cell: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Return rows of both cells of each pair in the map, and their correlation (0 where it is not known)."""
    table = read_columns(path, ["cell_a", "cell_b", "correlation_v_R"])
    a, b = (np.searchsorted(cell, table[name]) for name in ("cell_a", "cell_b"))
    known = np.isfinite(table["correlation_v_R"])
    for name, row in (("cell_a", a), ("cell_b", b)):
        known &= cell[np.minimum(row, cell.size - 1)] == table[name]
    return a[known], b[known], table["correlation_v_R"][known]


def prepare(settings: Settings, chart: ResponseMap, reduction: Path | None = None) -> Problem:
    """Return the problem: which cells are fitted, their noise and the likelihood.

    Raises
    ------
    DiscatlasError
        If no cell is left, and for a reduction that does not fit.
    """
    columns = chart.columns
    errors = np.hypot(_own_errors(settings, chart), settings.floor_kms)
    arguments = (columns["R_kpc"], columns["v_R_kms"], errors, settings.model, settings.priors, chart.where)
    reason = settings.mask.judge(*arguments)
    rows = np.flatnonzero(reason == "used")
    table = None
    if reduction is not None:
        table = read_columns(reduction, list(COLUMNS))
    response = _response(settings, chart.places.take(rows), table, str(reduction))
    noise = _noise(settings, chart, rows, errors[rows])
    likelihood = Likelihood(response, columns["v_R_kms"][rows], noise)
    return Problem(settings, chart, errors, reason, rows, likelihood, table)


def _response(settings: Settings, places: Places, table: dict[str, NDArray[Any]] | None, where: str) -> Response:
    nodes = make_nodes(settings.model, settings.priors, places.R_limits_kpc)
    warm = COLD
    if table is not None:
        warm = reduction_at(nodes, settings.priors, table, settings.reduction_sigma_R_kms, where)
    return Response(settings.model, nodes, places, warm)


def everywhere(problem: Problem) -> tuple[NDArray[np.int64], Response]:
    """Return the rows of the map whose window is known, used or not, and the response of spirals there.

    Windows that reach within half of the smallest fitted radius or beyond twice the largest are left out.
    """
    places, (low, high) = problem.chart.places, problem.settings.R_limits_kpc
    known = np.diff(places.offsets) > 0
    R = places.R_kpc[places.indices]
    total, R_min, R_max = (  # with one more number, since the last windows may hold nothing
        part.reduceat(np.append(values, last), places.offsets[:-1])
        for part, values, last in ((np.add, places.weights, 0.0), (np.minimum, R, np.inf), (np.maximum, R, 0.0))
    )
    rows = np.flatnonzero(known & np.isfinite(total) & (total > 0) & (R_min > 0.5 * low) & (R_max < 2.0 * high))
    return rows, _response(problem.settings, places.take(rows), problem.reduction_table, "reduction")


def _is_pooled(settings: Settings, chart: ResponseMap) -> bool:
    return settings.covariance == "pooled" and chart.averaging == "stars"


def _own_errors(settings: Settings, chart: ResponseMap) -> Array:
    """Return the errors of the map without the floor."""
    errors = chart.columns["v_R_error_kms"]
    if not _is_pooled(settings, chart):
        return errors
    n_stars = np.diff(chart.places.offsets).astype(np.float64)
    return pooled_errors(errors, n_stars, chart.columns["X_kpc"], chart.columns["Y_kpc"])


def _noise(settings: Settings, chart: ResponseMap, rows: NDArray[np.int64], errors: Array) -> Noise:
    if settings.covariance == "diagonal":
        return Noise.diagonal(errors)
    if _is_pooled(settings, chart):
        return Noise.windows(errors, *shared_correlations(chart.places.take(rows)), chart.jitter)
    if chart.pairs is not None:
        at = np.full(chart.columns["cell"].size, -1)
        at[rows] = np.arange(rows.size)
        a, b, correlation = chart.pairs
        both = (at[a] >= 0) & (at[b] >= 0)
        return Noise.windows(errors, at[a[both]], at[b[both]], correlation[both], chart.jitter)
    if chart.correlation_kpc:
        X, Y = chart.columns["X_kpc"][rows], chart.columns["Y_kpc"][rows]
        return Noise.effective(errors, X, Y, chart.correlation_kpc)
    return Noise.diagonal(errors)
