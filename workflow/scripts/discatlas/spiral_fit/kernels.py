"""Compiled: the response at the nodes, and chi^2 as a quadratic form in it.

All compiled functions that call each other stand in this one file: numba's cache does not notice edits of another.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from discatlas.constants import G_KPC_KMS2_MSUN

Array = NDArray[np.float64]
TWO_PI_G = 2.0 * np.pi * G_KPC_KMS2_MSUN
ORDER = 6  # nodes that an interpolation takes
EXPONENTIAL, RAZOR_THIN, EXPONENTIAL_DISC = range(3)


class Curve(NamedTuple):
    """The nodes: ln(R/R_pivot), R [kpc], Omega [km/s/kpc] and kappa^2 [(km/s/kpc)^2], each of shape (n,)."""

    ln_R: Array
    R: Array
    Omega: Array
    kappa2: Array


class Settings(NamedTuple):
    """What is fixed: number of arms, R0 and h_z [kpc], normalisation (0, 1, 2), regularisation, whether sin alone."""

    m: float
    R0: float
    height: float
    normalisation: int
    regularisation: float
    sin_only: bool


class Reduction(NamedTuple):
    """Complex factor on the response for pattern speeds (s,) and pitch angles [deg] (p,), ascending, at the nodes.

    `real` and `imaginary` have the shape (s, p, n); no pattern speed stands for a cold disc.
    """

    speeds: Array
    pitches: Array
    real: Array
    imaginary: Array


class Form(NamedTuple):
    """chi^2 = constant - 2 linear . g + g . M g; the rows of M's upper triangle are packed up to their last entry."""

    constant: float
    linear: Array
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    packed: Array


@njit(cache=True)
def _bracket(values: Array, x: float) -> tuple[int, float]:
    """Return the last place at or below x, and how far x is to the next, 0 to 1; the ends are kept beyond."""
    if values.size < 2:
        return 0, 0.0
    i = 0
    while i < values.size - 2 and x > values[i + 1]:
        i += 1
    return i, min(max((x - values[i]) / (values[i + 1] - values[i]), 0.0), 1.0)


@njit(cache=True, error_model="numpy")
def _response(point: Array, curve: Curve, settings: Settings, reduction: Reduction, g: Array) -> None:
    """Write the mean v_R, then Re G and Im G of each node in turn, where v_R = Re{G exp(i m phi)}."""
    length, density, speed = point[0], point[1], point[4]
    m, height = settings.m, settings.height
    winding = m / np.tan(np.radians(point[2]))
    is_warm = reduction.speeds.size > 0
    i, along = _bracket(reduction.speeds, speed)
    t, across = _bracket(reduction.pitches, point[2])
    i1, t1 = min(i + 1, reduction.speeds.size - 1), min(t + 1, reduction.pitches.size - 1)
    for j in range(curve.R.size):
        R, Omega, kappa2 = curve.R[j], curve.Omega[j], curve.kappa2[j]
        k = winding / R
        A = -TWO_PI_G * density * np.exp((settings.R0 - R) / length) / k
        power = 1.0
        if settings.normalisation == EXPONENTIAL:
            A /= k * height
            power = 2.0
        elif settings.normalisation == EXPONENTIAL_DISC:
            A /= 1.0 + k * height
            power = 1.0 + k * height / (1.0 + k * height)
        slope = A * (power / R - 1.0 / length)
        drift = Omega - speed
        Delta = kappa2 - (m * drift) ** 2
        smooth = settings.regularisation * kappa2
        size = Delta * Delta + smooth * smooth
        factor = m * Delta / size if size > 0.0 else 0.0  # on a resonance that no cell may touch
        sin_term = factor * (drift * slope + 2.0 * Omega * A / R)
        cos_term = 0.0 if settings.sin_only else factor * drift * k * A
        Psi = winding * curve.ln_R[j] - point[3]
        c, s = np.cos(Psi), np.sin(Psi)
        real, imaginary = cos_term * c + sin_term * s, cos_term * s - sin_term * c
        if is_warm:
            a, b = 0.0, 0.0
            for p, q, share in (
                (i, t, (1.0 - along) * (1.0 - across)),
                (i1, t, along * (1.0 - across)),
                (i, t1, (1.0 - along) * across),
                (i1, t1, along * across),
            ):
                a += share * reduction.real[p, q, j]
                b += share * reduction.imaginary[p, q, j]
            real, imaginary = real * a - imaginary * b, real * b + imaginary * a
        g[2 * j + 1], g[2 * j + 2] = real, imaginary
    g[0] = point[5]  # first, so that the other rows of M end early


@njit(cache=True, error_model="numpy")
def _chi_square(form: Form, g: Array) -> float:
    """Return chi^2; sums run over four interleaved parts, so that they are the same on every machine."""
    linear, square = 0.0, 0.0
    for i in range(g.size):
        linear += form.linear[i] * g[i]
        start, n = form.starts[i], form.lengths[i]
        if n == 0:
            continue
        a, b, c, d = 0.5 * form.packed[start] * g[i], 0.0, 0.0, 0.0
        k = 1
        while k + 3 < n:
            a += form.packed[start + k] * g[i + k]
            b += form.packed[start + k + 1] * g[i + k + 1]
            c += form.packed[start + k + 2] * g[i + k + 2]
            d += form.packed[start + k + 3] * g[i + k + 3]
            k += 4
        while k < n:
            a += form.packed[start + k] * g[i + k]
            k += 1
        square += 2.0 * g[i] * ((a + b) + (c + d))
    return form.constant - 2.0 * linear + square


@njit(cache=True, error_model="numpy")
def response_at_nodes(point: Array, curve: Curve, settings: Settings, reduction: Reduction) -> Array:
    """Return the mean v_R, then Re G, Im G of each node in turn [km/s], shape (2 n + 1,), of one point."""
    g = np.empty(2 * curve.R.size + 1)
    _response(point, curve, settings, reduction, g)
    return g


@njit(cache=True, error_model="numpy")
def chi_squares(points: Array, curve: Curve, settings: Settings, reduction: Reduction, form: Form) -> Array:
    """Return chi^2 of points, shape (n, 6)."""
    out = np.empty(len(points))
    g = np.empty(2 * curve.R.size + 1)
    for i in range(len(points)):
        _response(points[i], curve, settings, reduction, g)
        out[i] = _chi_square(form, g)
    return out


@njit(cache=True, error_model="numpy")
def chi_square(point: Array, curve: Curve, settings: Settings, reduction: Reduction, form: Form, g: Array) -> float:
    """Return chi^2 of one point; g is room for 2 n + 1 numbers."""
    _response(point, curve, settings, reduction, g)
    return _chi_square(form, g)


@njit(cache=True, error_model="numpy")
def form_of(g: Array, form: Form) -> float:
    """Return chi^2 of a response given at the nodes."""
    return _chi_square(form, g)


@njit(cache=True, error_model="numpy")
def average_rows(
    at: Array,
    cos: Array,
    sin: Array,
    offsets: NDArray[np.int64],
    indices: NDArray[np.int64],
    weights: Array,
    out: NDArray[np.complex128],
) -> None:
    """Add to each row of `out`, shape (n_cells, n_nodes), the mean over the cell's members of their interpolation.

    `at` is the place of a star among the nodes, of which it takes six by Lagrange's polynomials; cos and sin are those of
    m phi. Stars beyond the outermost nodes take the outermost six.
    """
    lagrange = np.empty(ORDER)
    for cell in range(offsets.size - 1):
        total = 0.0
        for member in range(offsets[cell], offsets[cell + 1]):
            star, weight = indices[member], weights[member]
            total += weight
            first = min(max(int(np.floor(at[star])) - ORDER // 2 + 1, 0), out.shape[1] - ORDER)
            x = at[star] - first
            for k in range(ORDER):
                value = weight
                for other in range(ORDER):
                    if other != k:
                        value *= (x - other) / (k - other)
                lagrange[k] = value
            for k in range(ORDER):
                out[cell, first + k] += lagrange[k] * (cos[star] + 1j * sin[star])
        for k in range(out.shape[1]):
            out[cell, k] /= total


@njit(cache=True, error_model="numpy")
def stretch(
    walkers: Array,
    limits: Array,
    free: NDArray[np.int64],
    random: Array,
    curve: Curve,
    settings: Settings,
    reduction: Reduction,
    form: Form,
    kept: Array,
) -> float:
    """Move walkers by the affine-invariant stretch (Goodman & Weare 2010), in two halves; return the acceptance.

    Parameters
    ----------
    walkers : ndarray, shape (w, 6)
        Points within `limits`, shape (6, 2), which are moved in place; w is even.
    free : ndarray
        Numbers of the parameters that move.
    random : ndarray, shape (steps, w, 3)
        Uniform numbers.
    kept : ndarray, shape (n, w, 6)
        Takes the walkers after the last n steps.
    """
    n_steps, n_walkers = random.shape[0], random.shape[1]
    half, d = n_walkers // 2, free.size
    g = np.empty(2 * curve.R.size + 1)
    chi2 = np.empty(n_walkers)
    for i in range(n_walkers):
        chi2[i] = chi_square(walkers[i], curve, settings, reduction, form, g)
    trial = walkers[0].copy()
    n_accepted = 0
    for step in range(n_steps):
        for i in range(n_walkers):
            other = int(random[step, i, 0] * half) + (half if i < half else 0)
            z = 0.5 * (1.0 + random[step, i, 1]) ** 2  # of density z^-1/2 between 1/2 and 2
            inside = True
            trial[:] = walkers[i]
            for k in free:
                trial[k] = walkers[other, k] + z * (walkers[i, k] - walkers[other, k])
                inside = inside and limits[k, 0] <= trial[k] <= limits[k, 1]
            if inside:
                new = chi_square(trial, curve, settings, reduction, form, g)
                if np.log(random[step, i, 2]) < (d - 1) * np.log(z) - 0.5 * (new - chi2[i]):
                    walkers[i], chi2[i] = trial, new
                    n_accepted += 1
        first = n_steps - kept.shape[0]
        if step >= first:
            kept[step - first] = walkers
    return n_accepted / (n_steps * n_walkers)
