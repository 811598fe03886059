"""Stars drawn from isochrones with known ages, and a small analytic family of isochrones, for the tests of ages."""

import numpy as np

from discatlas.ages.grid import build_grid

FLOORS = {"error_floor": 0.0, "relative_error_floor": 0.0}
OBSERVABLES = {"teff_K": FLOORS, "logg_dex": FLOORS, "M_Ks_mag": FLOORS}
EXTINCTION = {"column": "ebv_mag", "error_column": "ebv_error_mag", "A_Ks_ratio": 0.2418}
RADIAL = {"prior": "radial", "slope_dex_per_kpc": -0.0678, "intercept_dex": 0.546, "sigma_dex": 0.1}
IMF = 2.7
FRACTIONS = np.array([0.04, 0.15, 0.2])  # error of Teff (relative), log g [dex], M_Ks [mag]


def toy_tables(log_age, feh_dex, n=60):
    """Isochrones whose point of mass m moves along lines as it ages: MIST's columns, EEP to M_Ks."""
    mass = np.geomspace(2.0, 9.0, n)
    tables = []
    for age in log_age:
        tables.append([])
        for feh in feh_dex:
            teff = 3.9 + 0.5 * np.log10(mass) - 0.02 * feh - 0.05 * (age - 7.0)
            logg = 4.3 - 0.5 * (age - 7.0) - 0.1 * np.log10(mass)
            M_Ks = 1.5 - 3.0 * np.log10(mass) - 0.6 * (age - 7.0) - 0.1 * feh
            tables[-1].append(np.column_stack([200.0 + np.arange(n), mass, teff, logg, np.full(n, np.nan), M_Ks]))
    return tables


def toy_grid(log_age, feh_dex=(-0.1, 0.0, 0.1), n=60):
    log_age, feh_dex = np.asarray(log_age, float), np.asarray(feh_dex, float)
    return build_grid(log_age, feh_dex, toy_tables(log_age, feh_dex, n), IMF, None)


def draw_stars(grid, n, rng, ages=None, feh=(0.0, 0.1), teff_min=7500.0, mass_min=1.2):
    """Return true log ages and observables of stars drawn from the priors, shapes (n,) and (n, 3).

    Ages are uniform in time between the ends of the grid (or `ages`, one for each star), metallicities Gaussian about
    feh[0] on the nodes, masses from the mass function; between nodes of age all is mixed linearly. Stars that are not
    hotter than `teff_min` are drawn anew, age and all: they would not pass a cut in the measured temperature anyway.
    """
    weights = np.exp(-0.5 * ((grid.feh_dex - feh[0]) / feh[1]) ** 2)
    found_age, found = [], []
    while len(found) < n:
        age = ages[len(found)] if ages is not None else np.log10(rng.uniform(*10.0 ** grid.log_age[[0, -1]]))
        mass = mass_min * rng.uniform() ** (-1.0 / (IMF - 1.0))
        j = rng.choice(weights.size, p=weights / weights.sum())
        star = star_at(grid, age, j, mass)
        if star is not None and star[0] > teff_min:
            found_age.append(age)
            found.append(star)
    return np.array(found_age), np.array(found)


def star_at(grid, age, j, mass):
    """Return the observables of a star of that log age, [Fe/H] node and mass, or None if it is dead."""
    k = int(np.clip(np.searchsorted(grid.log_age, age) - 1, 0, grid.log_age.size - 2))
    part = (age - grid.log_age[k]) / (grid.log_age[k + 1] - grid.log_age[k])
    one, other = grid.isochrones[k][j], grid.isochrones[k + 1][j]
    low, high = max(one.eep[0], other.eep[0]), min(one.eep[-1], other.eep[-1])
    a, b = slice(low - one.eep[0], high - one.eep[0] + 1), slice(low - other.eep[0], high - other.eep[0] + 1)
    masses = one.mass_msun[a] ** (1 - part) * other.mass_msun[b] ** part
    if not masses[0] <= mass <= masses[-1]:
        return None
    values = (1 - part) * one.values[a] + part * other.values[b]
    return np.array([np.interp(mass, masses, values[:, i]) for i in range(3)])


def observe(true, rng, fractions=FRACTIONS):
    """Return observables with errors, and the errors, shapes (n, 3)."""
    errors = np.column_stack([fractions[0] * true[:, 0], np.full((len(true), 2), fractions[1:])])
    return true + errors * rng.standard_normal(true.shape), errors


def as_columns(values, errors, distance_kpc=1.0):
    """Return the columns of a sample with these observables; the magnitude's error is all in Ks."""
    n = len(values)
    zero = np.zeros(n)
    return {
        "source_id": np.arange(1, n + 1),
        "teff_K": values[:, 0],
        "teff_error_K": errors[:, 0],
        "logg_dex": values[:, 1],
        "logg_error_dex": errors[:, 1],
        "ks_mag": values[:, 2] + 5.0 * np.log10(100.0 * distance_kpc) + 0.2418 * 0.5,
        "ks_error_mag": errors[:, 2],
        "ebv_mag": zero + 0.5,
        "ebv_error_mag": zero,
        "distance_kpc": zero + distance_kpc,
        "distance_error_kpc": zero,
        "feh_dex": zero,
        "feh_error_dex": zero + 0.1,
    }
