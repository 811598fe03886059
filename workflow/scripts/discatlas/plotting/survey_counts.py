"""What the page of a survey shows, gathered from the rows of a sample batch by batch."""

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError
from discatlas.frames import galactic_angles
from discatlas.plotting.histograms import Axis, Histogram
from discatlas.plotting.sky import SkyCounts

Array = NDArray[np.float64]
BANDS = {"G": "phot_g_mean_mag", "BP": "phot_bp_mean_mag", "RP": "phot_rp_mean_mag"}
COLUMNS = ("ra", "dec", "l", "b", "distance_kpc", *BANDS.values(), "teff_K", "logg_dex")
MIN_ROWS = 10
_LOG_TEFF = Axis(3.3, 0.0025, 960)  # log10 K
_LOGG = Axis(-2.0, 0.02, 480)  # dex
_COLOUR = Axis(-1.5, 0.02, 480)  # BP - RP [mag]
_ABSOLUTE = Axis(-12.0, 0.06, 480)  # M_G [mag]
_DISTANCE = Axis(0.0, 0.01, 10_000)  # kpc
_MAGNITUDE = Axis(-6.0, 0.05, 800)  # apparent [mag]


class SurveyCounts:
    """Counts of the stars of a survey; what its table does not hold stays empty.

    Parameters
    ----------
    columns : sequence of str
        Those of `COLUMNS` that the table has.

    Attributes
    ----------
    sky : SkyCounts
        Places in Galactic coordinates: of ra and dec, or of l and b where these two are not there.
    kiel : Histogram
        Stars in (log10 Teff, log g).
    colour_magnitude : Histogram
        Stars in (BP - RP, M_G), with M_G = G - 5 log10(d / 10 pc), not corrected for extinction.
    distances : Histogram
        Stars in distance [kpc].
    magnitudes : dict of str to Histogram
        Stars in apparent magnitude, for each band.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(name for name in COLUMNS if name in columns)
        self.sky = SkyCounts()
        self.kiel = Histogram((_LOG_TEFF, _LOGG))
        self.colour_magnitude = Histogram((_COLOUR, _ABSOLUTE))
        self.distances = Histogram((_DISTANCE,))
        self.magnitudes = {band: Histogram((_MAGNITUDE,)) for band in BANDS}
        self.n_rows = 0

    def add(self, batch: pl.DataFrame) -> None:
        """Add a batch that has the columns `self.columns`; a star without a number is left out where that is needed."""
        of = {name: batch[name].cast(pl.Float64).to_numpy() for name in self.columns}
        self.n_rows += batch.height
        if {"ra", "dec"} <= of.keys():
            self.sky.add(*galactic_angles(of["ra"], of["dec"]))
        elif {"l", "b"} <= of.keys():
            self.sky.add(of["l"], of["b"])
        with np.errstate(divide="ignore", invalid="ignore"):
            if {"teff_K", "logg_dex"} <= of.keys():
                self.kiel.add((np.log10(of["teff_K"]), of["logg_dex"]))
            if {"distance_kpc", *BANDS.values()} <= of.keys():
                absolute = of[BANDS["G"]] - 5 * np.log10(of["distance_kpc"]) - 10
                self.colour_magnitude.add((of[BANDS["BP"]] - of[BANDS["RP"]], absolute))
        if "distance_kpc" in of:
            self.distances.add((of["distance_kpc"],))
        for band, name in BANDS.items():
            if name in of:
                self.magnitudes[band].add((of[name],))

    def check(self, where: str, objects: str) -> None:
        """Raise a DiscatlasError that names `where` if there is nothing to draw, or neither diagram of stars."""
        if self.n_rows < MIN_ROWS:
            raise DiscatlasError(f"{where}: {self.n_rows} {objects}, expected at least {MIN_ROWS}; loosen its cuts")
        if not self.kiel.n_inside and not self.colour_magnitude.n_inside:
            needed = f"teff_K and logg_dex, or distance_kpc and {', '.join(BANDS.values())}"
            raise DiscatlasError(
                f"{where}: no {objects} with {needed}: nothing for a Hertzsprung-Russell diagram; "
                "map these columns in the catalogue, or draw no page of this sample"
            )


def count_survey(batches: Iterable[pl.DataFrame], columns: Sequence[str]) -> SurveyCounts:
    """Return the counts of all `batches`, of a table that has `columns`."""
    counts = SurveyCounts(columns)
    for batch in batches:
        counts.add(batch)
    return counts
