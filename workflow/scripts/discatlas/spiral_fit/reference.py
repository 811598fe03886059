"""The likelihood by plain numpy, place by place, without nodes: what tests and benchmarks hold the fast one against."""

import numpy as np
from numpy.typing import NDArray

from discatlas.spiral_fit.covariance import Noise
from discatlas.spiral_fit.nodes import Places
from discatlas.spiral_fit.parameters import MEAN, SpiralModel
from discatlas.spiral_fit.predictions import point_v_R

Array = NDArray[np.float64]


def plain_v_R(model: SpiralModel, places: Places, point: Array) -> Array:
    """Return the mean v_R of each cell [km/s], of the response at every place."""
    wave = point.copy()
    wave[MEAN] = 0.0
    return places.average(point_v_R(model, wave, places.R_kpc, places.phi_deg)) + point[MEAN]


def plain_ln_likelihood(model: SpiralModel, places: Places, v_R_kms: Array, noise: Noise, point: Array) -> float:
    """Return ln L (Tang et al. 2026, Eq. 14, with the normalisation and the noise's correlations)."""
    white = noise.whiten(v_R_kms - plain_v_R(model, places, point))
    return noise.ln_norm - 0.5 * float(white @ white)
