"""Maps of v_R of a known spiral, for the tests of its fit."""

from dataclasses import replace

import numpy as np

from discatlas.contracts import load_contract
from discatlas.frames import cylindrical_position
from discatlas.spiral_fit.covariance import Noise
from discatlas.spiral_fit.likelihood import Likelihood, Response
from discatlas.spiral_fit.nodes import make_nodes, squares
from discatlas.spiral_fit.parameters import Priors, SpiralModel
from discatlas.tables import write_table

MODEL = SpiralModel(2, "full", "exponential", 1.0, 8.122, 229.0, 0.0, None, 0.05, 9.5)
PRIORS = Priors((2.0, 60.0), (1e5, 3e7), (4.0, 30.0), 12.0)
TRUTH = np.array([11.36, 6e6, 12.66, 1.2, 12.0, 0.0])
FIT = {
    "m": 2,
    "terms": "full",
    "pattern_speed_kms_kpc": 12.0,
    "R_limits_kpc": [6.5, 13.0],
    "scale_length_kpc": [2.0, 60.0],
    "surface_density_msun_kpc2": [1e5, 3e7],
    "pitch_deg": [4.0, 30.0],
    "normalisation": "exponential",
    "scale_height_kpc": 1.0,
    "disc_surface_density_msun_kpc2": 3.8e7,
    "v_c_kms": 229.0,
    "v_c_slope": 0.0,
    "core_kpc": None,
    "regularisation": 0.05,
    "resonance_margin": None,
    "crowding": None,
    "covariance": "pooled",
    "floor_kms": 0.0,
    "mean": "zero",
    "parametrisation": "phase",
    "window_kpc": None,
    "reduction_sigma_R_kms": None,
}


def grid(step=0.5, R_limits=(6.5, 13.0)):
    """Centres of cells on the Sun's side of the disc between two radii."""
    X, Y = (x.ravel() for x in np.meshgrid(np.arange(-13, -4, step), np.arange(-6, 6.1, step), indexing="ij"))
    R = np.hypot(X, Y)
    inside = (R_limits[0] < R) & (R_limits[1] > R)
    return X[inside], Y[inside]


def made_response(model=MODEL, priors=PRIORS, step=0.5, window=0.625):
    places = squares(*grid(step), window)
    return Response(model, make_nodes(model, priors, places.R_limits_kpc), places)


def made_likelihood(truth=TRUTH, error=1.0, seed=0, model=MODEL, priors=PRIORS, step=0.5):
    """A map of squares with independent Gaussian errors."""
    response = made_response(model, priors, step)
    noise = Noise.diagonal(np.full(response.places.n_cells, error))
    v_R = response.v_R(truth) + error * np.random.default_rng(seed).standard_normal(response.places.n_cells)
    return Likelihood(response, v_R, noise)


def changed(model=MODEL, **changes):
    return replace(model, **changes)


def write_published(path, v_R, X, Y, error=1.0, correlation_kpc=None):
    """A table of a published map; its provenance states a correlation length."""
    R, phi = cylindrical_position(X, Y)
    columns = {"cell": np.arange(X.size), "X_kpc": X, "Y_kpc": Y, "R_kpc": R, "phi_deg": phi}
    columns |= {"n_stars": np.full(X.size, np.nan), "v_R_kms": v_R, "v_R_error_kms": np.broadcast_to(error, X.shape)}
    contract = load_contract("published_map").expand(q=["v_R_kms"])
    write_table(path, contract, columns, {"error_model": {"correlation_kpc": correlation_kpc}})
