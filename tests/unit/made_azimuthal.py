"""Nulls for tests of structure in the plane: stars in a footprint, and fields that are smooth over some length."""

from dataclasses import dataclass

import numpy as np

R0 = 8.2
STEP, SIZE = 0.1, 256  # of the box of a field [kpc, nodes]


@dataclass(frozen=True)
class Field:
    """A Gaussian random field of variance 1, periodic in its own coordinates."""

    values: np.ndarray
    is_polar: bool = False

    def at(self, X, Y):
        if not self.is_polar:
            return interpolate(self.values, (X + R0) / STEP + SIZE / 2, Y / STEP + SIZE / 2)
        rows, columns = self.values.shape
        u = np.log(np.hypot(X, Y) / 2.0) / (2 * np.log(10.0)) * rows
        return interpolate(self.values, u, np.arctan2(Y, -X) / (2 * np.pi) * columns)


def interpolate(values, u, v):
    i, j = np.floor(u).astype(int), np.floor(v).astype(int)
    a, b, (n, m) = u - i, v - j, values.shape
    low = (1 - b) * values[i % n, j % m] + b * values[i % n, (j + 1) % m]
    high = (1 - b) * values[(i + 1) % n, j % m] + b * values[(i + 1) % n, (j + 1) % m]
    return (1 - a) * low + a * high


def made(power, shape, steps, rng):
    """Field of a power spectrum, a function of the two wavenumbers."""
    k = np.meshgrid(
        *(2 * np.pi * f(n, h) for f, n, h in zip((np.fft.fftfreq, np.fft.rfftfreq), shape, steps, strict=True)),
        indexing="ij",
    )
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * np.sqrt(power(*k)), s=shape)
    return field / field.std()


def round_field(length, rng, form="gaussian"):
    """Correlation exp(-(d / length)^2), or exp(-d / length): the same in all directions."""
    if form == "gaussian":
        values = made(lambda k, q: np.exp(-((0.5 * length) ** 2) * (k**2 + q**2)), (SIZE, SIZE), (STEP, STEP), rng)
    else:
        values = made(lambda k, q: (1 + length**2 * (k**2 + q**2)) ** -1.5, (SIZE, SIZE), (STEP, STEP), rng)
    return Field(values)


def spiral_field(length, rng, elongation=3.0, pitch_deg=12.0):
    """Features `elongation` times longer along logarithmic spirals than across them, where they have `length` at R0."""
    shape = (256, 512)
    t, e = np.deg2rad(pitch_deg), length / R0 / 2

    def power(k, q):
        across, along = k * np.cos(t) + q * np.sin(t), q * np.cos(t) - k * np.sin(t)
        return np.exp(-(e**2) * (across**2 + (elongation * along) ** 2))

    return Field(made(power, shape, (2 * np.log(10.0) / shape[0], 2 * np.pi / shape[1]), rng), is_polar=True)


def is_north(x, y):
    """About the part of the plane that a survey of the northern sky sees."""
    l_deg = np.rad2deg(np.arctan2(y, x)) % 360
    return (l_deg > 30) & (l_deg < 220)


def draw_places(n, rng, footprint=None):
    """X and Y of stars thinning out from the Sun, within a footprint of heliocentric x, y."""
    X, Y = np.empty(0), np.empty(0)
    while X.size < n:
        d, t = rng.gamma(2, 1.2, n), rng.uniform(0, 2 * np.pi, n)
        x, y = d * np.cos(t), d * np.sin(t)
        kept = np.full(n, True) if footprint is None else footprint(x, y)
        X, Y = np.append(X, x[kept] - R0), np.append(Y, y[kept])
    return X[:n], Y[:n]


def polar(X, Y):
    return np.hypot(X, Y), np.rad2deg(np.arctan2(Y, -X))


def hexagons(size, footprint, radius=4.0):
    """Centres of hexagonal cells within a radius of the Sun and a footprint."""
    rows, columns = np.meshgrid(np.arange(-12, 13), np.arange(-12, 13))
    x, y = (columns + 0.5 * (rows % 2)).ravel() * size, np.sqrt(0.75) * rows.ravel() * size
    kept = (np.hypot(x, y) < radius) & footprint(x, y)
    return x[kept] - R0, y[kept]
