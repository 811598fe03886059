"""Ages of a batch of stars: the columns of the contracts ``ages`` and ``age_posteriors``, and what they count."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discatlas.ages.grid import AgeGrid
from discatlas.ages.kernels import marginal_likelihood
from discatlas.ages.observables import Measured, add_missing, check_observables, measure_observables, needed_columns
from discatlas.ages.posterior import log_age_prior, log_likelihood, normalise, summarise
from discatlas.ages.priors import MEASURED, check_metallicity, log_metallicity_prior, metallicity_moments
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
FLAGS = (
    "is_missing_input",
    "is_poor_fit",
    "is_at_young_edge",
    "is_at_old_edge",
    "is_unresolved",
    "is_metallicity_outside",
)
SPOILING = tuple(name for name in FLAGS if name != "is_unresolved")  # a narrow posterior is no fault of the age


@dataclass(frozen=True)
class AgeSettings:
    """How ages are estimated; the keys are those of an entry of ``ages`` in the config.

    Attributes
    ----------
    observables, extinction : mapping
        See `measure_observables`.
    min_observables : int
        A star with fewer known observables gets no age.
    metallicity : mapping
        See `metallicity_moments`.
    age_prior : str
        See `log_age_prior`.
    max_chi2, edge_share : float
        Limits of the flags `is_poor_fit`, `is_at_young_edge` and `is_at_old_edge`.
    """

    observables: Mapping[str, Any]
    min_observables: int
    extinction: Mapping[str, Any] | None
    metallicity: Mapping[str, Any]
    age_prior: str
    max_chi2: float
    edge_share: float

    def __post_init__(self) -> None:
        check_observables(self.observables, self.min_observables)
        check_metallicity(self.metallicity)
        log_age_prior(np.zeros(1), self.age_prior)
        for name in ("max_chi2", "edge_share"):
            if not getattr(self, name) > 0:
                raise DiscatlasError(f"ages: {name} is {getattr(self, name):g}, expected a number above zero")

    def record(self) -> dict[str, Any]:
        """Return the settings as JSON holds them."""
        return {
            "observables": {name: dict(floors) for name, floors in self.observables.items()},
            "min_observables": self.min_observables,
            "extinction": dict(self.extinction) if self.extinction else None,
            "metallicity": dict(self.metallicity),
            "age_prior": self.age_prior,
            "max_chi2": self.max_chi2,
            "edge_share": self.edge_share,
        }

    def columns(self) -> list[str]:
        """Return the columns of the sample that are read, beside source_id."""
        names = needed_columns(self.observables, self.extinction)
        return names + (list(MEASURED) if self.metallicity["prior"] == "measured" else [])


def estimate_batch(
    columns: Mapping[str, NDArray], R_kpc: Array, grid: AgeGrid, settings: AgeSettings
) -> tuple[dict[str, NDArray], NDArray[np.float32]]:
    """Return the columns of contract ``ages`` but for source_id, and the marginal likelihoods, shape (n, n_age).

    A star whose parameters no isochrone comes near still gets an age, that of the nearest ones, and is flagged as a poor
    fit. A star without what is needed has NaN.
    """
    measured = measure_observables(columns, settings.observables, settings.extinction)
    mean, sigma = metallicity_moments(settings.metallicity, R_kpc, columns)
    log_phi = log_metallicity_prior(mean, sigma, grid.feh_dex)
    is_without_prior = np.isnan(sigma) | (np.isnan(mean) & np.isfinite(sigma))
    add_missing(
        measured.missing, is_without_prior, "feh_dex" if settings.metallicity["prior"] == "measured" else "R_kpc"
    )
    is_missing = is_without_prior | (measured.n_known < settings.min_observables)
    log_phi[is_missing] = np.nan
    with np.errstate(divide="ignore"):
        weights = np.where(np.isfinite(measured.errors), 1.0 / measured.errors, 0.0)
    G, chi2 = marginal_likelihood(grid.arrays, np.nan_to_num(measured.values), weights, log_phi)
    log_prior = log_age_prior(grid.log_age, settings.age_prior)
    summary = summarise(log_likelihood(G), log_prior, grid.log_age)
    result = {
        "log_age_p16_dex": summary.p16,
        "log_age_p50_dex": summary.p50,
        "log_age_p84_dex": summary.p84,
        "log_age_mode_dex": summary.mode,
        "log_age_dex": summary.mean,
        "log_age_error_dex": 0.5 * (summary.p84 - summary.p16),
        **_magnitudes(measured),
        "chi2_min": chi2,
        "n_observables": measured.n_known,
    }
    flags = {
        "is_missing_input": is_missing,
        "is_poor_fit": chi2 > settings.max_chi2,
        "is_at_young_edge": summary.young_share > settings.edge_share,
        "is_at_old_edge": summary.old_share > settings.edge_share,
        "is_unresolved": summary.p84 - summary.p16 < grid.log_age[1] - grid.log_age[0],
        "is_metallicity_outside": (mean < grid.feh_dex[0]) | (mean > grid.feh_dex[-1]),
    }
    spoilt = np.any([flags[name] for name in SPOILING], axis=0)
    result |= flags | {"is_good": ~spoilt, "missing": measured.missing}
    return result, normalise(G, grid.log_age).astype(np.float32)


def _magnitudes(measured: Measured) -> dict[str, Array]:
    return {
        "M_Ks_mag": measured.values[:, 2],
        "M_Ks_error_mag": measured.errors[:, 2],
        "A_Ks_mag": np.where(np.isfinite(measured.values[:, 2]), measured.A_Ks_mag, np.nan),
    }


class Tally:
    """What the summary of a sample counts, batch by batch."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(("n_stars", "n_with_age", *FLAGS, "is_good"), 0)
        self._missing: dict[str, int] = {}
        self._ages: list[Array] = []

    def add(self, made: Mapping[str, NDArray]) -> None:
        """Count a batch of `estimate_batch`."""
        known = np.isfinite(made["log_age_p50_dex"])
        self._counts["n_stars"] += known.size
        self._counts["n_with_age"] += int(known.sum())
        for name in (*FLAGS, "is_good"):
            self._counts[name] += int(made[name].sum())
        for text in made["missing"]:
            for name in (text or "").split(", "):
                if name:
                    self._missing[name] = self._missing.get(name, 0) + 1
        good = made["is_good"]
        self._ages.append(np.column_stack([made["log_age_p50_dex"], made["log_age_error_dex"]])[good])

    def record(self) -> dict[str, Any]:
        """Return the counts; of the good ages the median error, and the shares of Zari et al. (2025, Sect. 3.2)."""
        age, error = np.concatenate(self._ages).T if self._ages else np.empty((2, 0))
        counts = self._counts
        n = {
            "all": counts["n_stars"],
            "with_age": counts["n_with_age"],
            "good": counts["is_good"],
            "flagged": {name: counts[name] for name in FLAGS},
            "missing": dict(sorted(self._missing.items())),
        }
        myr = 10.0**age / 1e6
        return {
            "n_stars": n,
            "median_log_age_error_dex": _median(error),
            "median_age_error_Myr": _median(0.5 * myr * (10.0**error - 10.0**-error)),
            "fraction_younger_than_30_Myr": _share(myr <= 30.0),
            "fraction_younger_than_320_Myr": _share(age < 8.5),
            "fraction_older_than_150_Myr": _share(myr >= 150.0),
        }


def _median(values: Array) -> float | None:
    return float(np.median(values)) if values.size else None


def _share(chosen: NDArray[np.bool_]) -> float | None:
    return float(np.mean(chosen)) if chosen.size else None
