"""An emulator of the medians at the nodes: principal components, each a Gaussian process of the parameters."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.gaussian_process import Features, GaussianProcess
from discatlas.bar_spirals.parameters import SpiralParameters
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
_TIED = (("pitch", "deg"), ("Omega", "kms_kpc"))  # on which a tied amplitude depends


@dataclass(frozen=True)
class FeatureMap:
    """Features of parameter vectors: complex amplitude, cotangent of the pitch angle and pattern speed of each mode, and the bar's.

    Parameters
    ----------
    parameters : SpiralParameters
        What the components of a vector are.
    """

    parameters: SpiralParameters

    @property
    def features(self) -> Features:
        """What the columns are."""
        modes, n_bar = range(len(self.parameters.modes)), len(self._bar)
        bar = tuple(4 * len(modes) + k for k in range(n_bar))
        linear = tuple((4 * k, 4 * k + 1) for k in modes)
        smooth = tuple((4 * k + 2, 4 * k + 3, *bar) for k in modes)
        return Features(linear, smooth, 4 * len(modes) + n_bar)

    @property
    def _bar(self) -> list[int]:
        names = self.parameters.names
        return [names.index(name) for name in ("Omega_bar_kms_kpc", "bar_factor") if name in names]

    def amplitudes(self, vectors: Array) -> Array:
        """Return the amplitude of each mode [% of |Phi_0(R0)|], shape (n, modes), a tied one from the first."""
        names, modes = self.parameters.names, self.parameters.modes
        columns = []
        for m in modes:
            name = f"amplitude_{m}_percent"
            if name in names:
                columns.append(vectors[:, names.index(name)])
                continue
            pitch, Omega = ([self._column(vectors, f"{kind}_{j}_{unit}") for j in modes] for kind, unit in _TIED)
            tangent = np.tan(np.radians(pitch))
            factor = (Omega[0] / Omega[1]) ** 2 * tangent[0] / tangent[1]  # Hamilton 2024
            columns.append(columns[0] * factor * self._unit(m, pitch[1]) / self._unit(modes[0], pitch[0]))
        return np.stack(columns, axis=1)

    def _column(self, vectors: Array, name: str) -> Array:
        return vectors[:, self.parameters.names.index(name)]

    def _unit(self, m: int, pitch_deg: Array) -> Array:
        """Return the amplitude of a mode at R0 but for factors that all modes share (Cox & Gomez 2002)."""
        u = m / (self.parameters.R0_kpc * np.sin(np.radians(pitch_deg)))
        q = u * self.parameters.constants["h_kpc"]
        return (1 + 0.3 * q) / (u * (1 + q + 0.3 * q**2))

    def __call__(self, vectors: Array) -> Array:
        """Return the features of vectors, shape (n, k): shape (n, f)."""
        vectors = np.atleast_2d(vectors)
        size, columns = self.amplitudes(vectors), []
        for k, m in enumerate(self.parameters.modes):
            angle = np.radians(m * self._column(vectors, f"phase_{m}_deg"))
            cotangent = 1 / np.tan(np.radians(self._column(vectors, f"pitch_{m}_deg")))
            columns += [size[:, k] * np.cos(angle), size[:, k] * np.sin(angle), cotangent]
            columns.append(self._column(vectors, f"Omega_{m}_kms_kpc"))
        columns += [vectors[:, k] for k in self._bar]
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Emulator:
    """The medians at the nodes as a function of the parameters.

    Parameters
    ----------
    feature_map : FeatureMap
        From vectors to features.
    centre, scale : array, shape (f,)
        With which features are standardised; the linear ones are not centred.
    mean : array, shape (k,)
        Mean medians of the training set [km/s].
    basis : array, shape (k, q)
        Principal components, orthonormal.
    processes : tuple of GaussianProcess
        Of groups of components, in order.
    """

    feature_map: FeatureMap
    centre: Array
    scale: Array
    mean: Array
    basis: Array
    processes: tuple[GaussianProcess, ...]

    @classmethod
    def train(
        cls,
        feature_map: FeatureMap,
        vectors: Array,
        medians: Array,
        *,
        lost_kms: float,
        groups: Sequence[int],
        n_subset: int,
        previous: Self | None = None,
    ) -> Self:
        """Train on medians, shape (n, k), of models of vectors, shape (n, d).

        Parameters
        ----------
        lost_kms : float
            The rms that the components that are left out may have.
        groups : sequence of int
            Components after which a new group of them begins that shares one kernel.
        n_subset : int
            Models on which the hyper-parameters are found: half of them the last ones, half spread over all.
        previous : Emulator, optional
            Whose hyper-parameters are where the search begins.

        Raises
        ------
        DiscatlasError
            For too few models.
        """
        x, features = feature_map(vectors), feature_map.features
        if len(x) < 2 * features.n_parameters:
            raise DiscatlasError(
                f"emulator: {len(x)} models to learn from, expected at least {2 * features.n_parameters}: a larger design"
            )
        centre, scale = x.mean(axis=0), x.std(axis=0)
        for columns in features.linear:
            centre[list(columns)], scale[list(columns)] = 0.0, np.sqrt((x[:, list(columns)] ** 2).mean())
        scale[scale == 0] = 1.0
        mean = medians.mean(axis=0)
        _, size, components = np.linalg.svd(medians - mean, full_matrices=False)
        left = np.sqrt(
            np.cumsum(size[::-1] ** 2)[::-1] / medians.size
        )  # the rms without this component and the later ones
        n = max(int((left > lost_kms).sum()), 1)
        basis = components[:n].T
        z, x = (medians - mean) @ basis, (x - centre) / scale
        edges = [0, *(edge for edge in groups if edge < n), n]
        spread = np.linspace(0, len(x) - 1, n_subset // 2).astype(np.int64)
        subset = np.unique(np.concatenate([spread, np.arange(max(len(x) - n_subset // 2, 0), len(x))]))
        known = previous.processes if previous is not None else ()
        processes = tuple(
            GaussianProcess.train(features, x, z[:, a:b], subset, known[k].logs if k < len(known) else None)
            for k, (a, b) in enumerate(itertools.pairwise(edges))
        )
        return cls(feature_map, centre, scale, mean, basis, processes)

    def coefficients(self, vectors: Array) -> Array:
        """Return the principal components of vectors, shape (n, d): shape (n, q)."""
        x = (self.feature_map(vectors) - self.centre) / self.scale
        return np.concatenate([process.predict(x) for process in self.processes], axis=1)

    def medians(self, vectors: Array) -> Array:
        """Return the medians at the nodes [km/s], shape (n, k)."""
        return self.mean + self.coefficients(vectors) @ self.basis.T

    def project(self, medians: Array) -> Array:
        """Return the principal components of medians, shape (n, k): shape (n, q)."""
        return (medians - self.mean) @ self.basis
