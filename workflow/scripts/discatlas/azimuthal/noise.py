"""What stars near each other share: its scatter and its reach, from the means of the blocks themselves.

Stars born together, or on one plate of a survey, share more than a pattern in azimuth. The means of blocks then have

    covariance = s^2/n_b delta_bd + t^2 rho(distance_bd / L),   rho(u) = exp(-u^2) or exp(-u),

with s the scatter of stars within blocks. t, L and the form of rho have the restricted likelihood (Patterson & Thompson 1971,
Biometrika 58, 545) for a free level in every ring and free waves up to a wavenumber, so that a pattern of such waves does not
count as noise. The covariance is its mean over that likelihood with a prior flat in ln t: the most likely t, from few blocks,
is too often too small. L is sought up to 1.6 sizes of a block: a longer reach cannot be told from a pattern.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from discatlas.azimuthal.blocks import Blocks
from discatlas.azimuthal.waves import wave_columns

Array = NDArray[np.float64]
FORMS = {"gaussian": lambda u: np.exp(-(u**2)), "exponential": lambda u: np.exp(-u)}
REACHES = {"gaussian": (0.4, 0.8, 1.2, 1.6), "exponential": (0.4, 0.8)}  # in sizes of a block
RATIOS = np.exp(np.linspace(-4.0, 3.0, 42))  # t over the root mean square noise of the stars in a block
BAND_LIMIT = 0.1  # waves are free as far as their singular values are above this share of the largest


@dataclass(frozen=True)
class SharedNoise:
    """What stars share: the sum of some processes, each of variance t^2, in the squared unit of the quantity, reach and form."""

    variance: tuple[float, ...]
    reach_kpc: tuple[float, ...]
    form: tuple[str, ...]

    @property
    def scatter(self) -> float:
        """Standard deviation of what is shared, in the unit of the quantity."""
        return float(np.sqrt(sum(self.variance)))

    @property
    def mean_reach_kpc(self) -> float:
        """Mean of the reaches by the variances; NaN if nothing is shared."""
        return float(np.average(self.reach_kpc, weights=self.variance)) if self.scatter > 0 else float("nan")

    def covariance(self, R_kpc: Array, phi_deg: Array) -> Array:
        """Return the covariance between places, shape (b, b)."""
        apart = separations(R_kpc, phi_deg)
        parts = zip(self.variance, self.reach_kpc, self.form, strict=True)
        return sum((v * FORMS[form](apart / reach) for v, reach, form in parts), np.zeros_like(apart))


NO_SHARED_NOISE = SharedNoise((), (), ())


def separations(R_kpc: Array, phi_deg: Array) -> Array:
    """Return the distances in the plane between places, shape (b, b)."""
    place = R_kpc * np.exp(1j * np.deg2rad(phi_deg))
    return np.abs(place[:, None] - place[None, :])


def band_columns(phi_deg: Array, max_wavenumber: int) -> Array:
    """Return orthonormal columns for what waves up to a wavenumber can be at these azimuths, shape (b, k).

    Over a part of the circle these waves are far from independent: k is about 1 + 2 max_wavenumber times that part.
    """
    waves = np.concatenate([wave_columns(phi_deg, m) for m in range(1, max_wavenumber + 1)], axis=1)
    u, s, _ = np.linalg.svd(waves - waves.mean(axis=0), full_matrices=False)
    return u[:, s > BAND_LIMIT * s[0]]


def estimate_noise(blocks: Blocks, block_kpc: float, max_wavenumber: int) -> SharedNoise:
    """Return what stars share in these blocks; none if the blocks are too few to tell."""
    star_noise = blocks.scatter**2 / blocks.n
    design = np.concatenate([blocks.levels, band_columns(blocks.phi_deg, max_wavenumber)], axis=1)
    rank = np.linalg.matrix_rank(design)
    if blocks.n.size < rank + 3:
        return NO_SHARED_NOISE
    basis = np.linalg.svd(design, full_matrices=False)[0][:, :rank]
    root = 1.0 / np.sqrt(star_noise)
    apart, size = separations(blocks.R_kpc, blocks.phi_deg), float(np.mean(star_noise))
    kinds = [(form, reach * block_kpc) for form, reaches in REACHES.items() for reach in reaches]
    loss = np.empty((len(kinds), RATIOS.size))
    for row, (form, reach) in zip(loss, kinds, strict=True):
        values, vectors = np.linalg.eigh(size * FORMS[form](apart / reach) * root[:, None] * root)
        y, X = vectors.T @ (blocks.mean * root), vectors.T @ (basis * root[:, None])
        row[:] = _restricted_losses(y, np.ascontiguousarray(X), np.maximum(values, 0.0), RATIOS)
    weight = np.exp(-0.5 * (loss - loss.min()))
    variance = size * np.sum(weight / weight.sum() * RATIOS**2, axis=1)
    forms, reaches = zip(*kinds, strict=True)
    return SharedNoise(tuple(variance.tolist()), reaches, forms)


@njit(cache=True)
def _restricted_losses(y: Array, X: Array, values: Array, ratios: Array) -> Array:
    """Return -2 ln L, up to a constant, of uncorrelated y of variance 1 + ratio^2 values, with columns X of free factors.

    X is k columns, nearly orthogonal: their normal matrix is factorised here (small matrices suffer in threaded libraries).
    """
    n, k = X.shape
    out, factor, part = np.empty(ratios.size), np.empty((k, k)), np.empty(k)
    for m in range(ratios.size):
        factor[:], part[:] = 0.0, 0.0
        loss = 0.0
        for i in range(n):
            variance = 1.0 + ratios[m] ** 2 * values[i]
            loss += np.log(variance) + y[i] * y[i] / variance
            for a in range(k):
                part[a] += X[i, a] * y[i] / variance
                for b in range(a + 1):
                    factor[a, b] += X[i, a] * X[i, b] / variance
        for a in range(k):
            for b in range(a + 1):
                for c in range(b):
                    factor[a, b] -= factor[a, c] * factor[b, c]
                factor[a, b] = np.sqrt(factor[a, a]) if a == b else factor[a, b] / factor[b, b]
            for c in range(a):
                part[a] -= factor[a, c] * part[c]
            part[a] /= factor[a, a]
            loss += 2.0 * np.log(factor[a, a]) - part[a] * part[a]
        out[m] = loss
    return out
