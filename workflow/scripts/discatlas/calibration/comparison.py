"""The correlation of a map of velocities with a density contrast that knows nothing of it, one pair of maps per simulation.

The truth is r = 0. An interval is r and its 68 % range in the null, so that its coverage is the share of p-values above 0.317.
Both maps are Gaussian random fields, longer along logarithmic spirals than across them, seen by a survey with gaps.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from discatlas.azimuthal.correlation import GriddedMap, compare_maps
from discatlas.calibration.coverage import NOMINAL, Intervals, symmetric
from discatlas.calibration.study import Key, Study

Array = NDArray[np.float64]
R0_KPC, CELL_KPC, STEP_KPC, NOISE = 8.2, 0.4, 0.2, 0.5
ACROSS_KPC, PITCH_DEG = 0.6, 12.0
N_MOVES, MIN_OVERLAP = 99, 0.6
NODES = 256, 512  # of a field, along ln R from 2 to 200 kpc and along azimuth
NULLS = ("shifts", "effective_cells")


def is_seen(x: Array, y: Array) -> NDArray[np.bool_]:
    """Return which heliocentric places the survey reaches: 2.6 to 4.6 kpc by direction, three gaps, not the nearest."""
    l_deg, d = np.rad2deg(np.arctan2(y, x)) % 360, np.hypot(x, y)
    gaps = ((l_deg > 160) & (l_deg < 200)) | ((l_deg > 250) & (l_deg < 262)) | ((l_deg > 325) & (l_deg < 332))
    return (d > 0.5) & (d < 3.6 + np.cos(np.deg2rad(3 * l_deg))) & ~gaps


def draw_field(rng: np.random.Generator, elongation: float, X: Array, Y: Array) -> Array:
    """Return a field of variance 1 with features of `ACROSS_KPC` at R0 and `elongation` times that along spirals, at places."""
    depth = 2.0 * np.log(10.0)
    k = 2.0 * np.pi * np.fft.fftfreq(NODES[0], depth / NODES[0])[:, None]
    q = 2.0 * np.pi * np.fft.rfftfreq(NODES[1], 2.0 * np.pi / NODES[1])
    tilt = np.deg2rad(PITCH_DEG)
    across, along = k * np.cos(tilt) + q * np.sin(tilt), q * np.cos(tilt) - k * np.sin(tilt)
    power = np.exp(-((0.5 * ACROSS_KPC / R0_KPC) ** 2) * (across**2 + (elongation * along) ** 2))
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(NODES)) * np.sqrt(power), s=NODES)
    u = np.log(np.hypot(X, Y) / 2.0) / depth * NODES[0]
    v = np.arctan2(Y, -X) / (2.0 * np.pi) * NODES[1]
    i, j = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    total = np.zeros(np.shape(X))
    for di, dj in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = np.abs(1 - di - (u - i)) * np.abs(1 - dj - (v - j))
        total += weight * field[(i + di) % NODES[0], (j + dj) % NODES[1]]
    return total / field.std()


def draw(rng: np.random.Generator, elongation: float) -> dict[Key, Intervals]:
    """Compare velocities, half as much of them noise as field, with a density by each null; no width where it cannot be told."""
    axis = np.arange(-6.0 + CELL_KPC / 2, 6.0, CELL_KPC)
    x, y = (part.ravel() for part in np.meshgrid(axis, axis, indexing="ij"))
    kept = is_seen(x, y)
    X, Y = x[kept] - R0_KPC, y[kept]
    nodes = np.arange(-6.0, 6.0 + STEP_KPC / 2, STEP_KPC)
    node_X, node_Y = np.meshgrid(nodes - R0_KPC, nodes, indexing="ij")
    density = draw_field(rng, elongation, node_X, node_Y)
    density[~is_seen(node_X + R0_KPC, node_Y)] = np.nan
    grid = GriddedMap(nodes[0] - R0_KPC, nodes[0], (STEP_KPC, STEP_KPC), density)
    velocity = draw_field(rng, elongation, X, Y) + NOISE * rng.standard_normal(X.size)
    found = compare_maps(X, Y, velocity, grid, "shifts", N_MOVES, MIN_OVERLAP, (-R0_KPC, 0.0), rng)
    score = np.abs(found.r_moved) * np.sqrt(found.n_moved / found.n_cells)
    freedom = found.effective.number - 2.0
    limit = t.isf((1.0 - NOMINAL) / 2.0, freedom)
    widths = {"shifts": np.quantile(score, NOMINAL), "effective_cells": limit / np.sqrt(freedom + limit**2)}
    return {Key(f"map comparison {null}", "correlation"): symmetric(found.r, widths[null], 0.0) for null in NULLS}


def _study(elongation: float) -> Study:
    case = f"features {ACROSS_KPC:g} by {ACROSS_KPC * elongation:g} kpc"
    note = f"r = 0; {case}, pitch {PITCH_DEG:g} deg, cells of {CELL_KPC:g} kpc, noise {NOISE:g} of the velocities"
    reasons = {
        "map comparison shifts": "what overlaps after a move is hardly larger than a feature: moved maps scatter less",
        "map comparison effective_cells": (
            "covariances are estimated from one map: widths scatter, the middle of the null is too narrow, its 5 % tails are right"
        ),
    }
    return Study(f"map comparison, {case}", case, partial(draw, elongation=elongation), note, reasons)


STUDIES = tuple(_study(elongation) for elongation in (1.0, 3.0))
