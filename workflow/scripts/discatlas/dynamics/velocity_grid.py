"""The grid of velocities on which the distribution function at a place is evaluated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class VelocityGrid:
    """Centres of the bins [km/s], uniform: `v_R_kms` (n_R,), positive outward, and `v_phi_kms` (n_phi,), with rotation."""

    v_R_kms: Array
    v_phi_kms: Array

    def __post_init__(self) -> None:
        """Check the bins.

        Raises
        ------
        DiscatlasError
            For fewer than two bins along an axis, or centres that are not uniform and growing.
        """
        for name in ("v_R_kms", "v_phi_kms"):
            centres = np.asarray(getattr(self, name), float)
            object.__setattr__(self, name, centres)
            if centres.ndim != 1 or centres.size < 2:
                raise DiscatlasError(f"velocity grid: {name} has {centres.size} bins; expected at least 2")
            steps = np.diff(centres)
            if not (steps[0] > 0 and np.allclose(steps, steps[0], rtol=1e-6)):
                raise DiscatlasError(
                    f"velocity grid: {name} must grow in equal steps, got {steps.min():g} to {steps.max():g}"
                )

    @classmethod
    def from_config(cls, config: Mapping[str, Sequence[float]]) -> Self:
        """Build the grid from first and last centre (included) and step of either axis.

        Raises
        ------
        DiscatlasError
            If the last centre is not a whole number of steps from the first.
        """
        axes = {}
        for name in ("v_R_kms", "v_phi_kms"):
            start, stop, step = (float(value) for value in config[name])
            n = (stop - start) / step if step > 0 else -1.0
            if n < 0 or abs(n - round(n)) > 1e-6:
                raise DiscatlasError(
                    f"velocity grid: {name} {[start, stop, step]}: expected [first, last, step], the last a whole number of steps above the first"
                )
            axes[name] = start + step * np.arange(round(n) + 1)
        return cls(**axes)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of bins in v_R and v_phi."""
        return self.v_R_kms.size, self.v_phi_kms.size

    def velocities(self) -> tuple[Array, Array]:
        """Return v_R and v_phi of all bins, shape (n_R n_phi,) each, v_phi fast."""
        v_R, v_phi = np.meshgrid(self.v_R_kms, self.v_phi_kms, indexing="ij")
        return v_R.ravel(), v_phi.ravel()
