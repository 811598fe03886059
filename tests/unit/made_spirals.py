"""For tests of spiral mocks and of the reduction of the response: config entries, after Tang et al. (2026)."""

import numpy as np

from discatlas.simulation.mock_orbits import simulate_outputs
from discatlas.simulation.spiral_mock import SpiralMock, annulus_columns
from discatlas.streams import stream_generator

TANG = {
    "m": 2,
    "pattern_speed_kms_kpc": 12.0,
    "pitch_deg": 12.66,
    "surface_density_msun_kpc2": 6e6,
    "scale_length_kpc": 11.36,
    "scale_height_kpc": 1.0,
    "normalisation": "exponential",
    "pivot_kpc": 8.122,
    "phase_deg": 40.0,
}
COMMON = {"v_c_kms": 229.0, "core_kpc": 0.1, "R0_kpc": 8.122, "sigma_scale_kpc": 20.0, "scale_length_kpc": None}


def mock_entry(pattern_speed=12.0, spiral=None, **changes):
    """Config entry of a small mock at one tenth of the amplitude."""
    entry = COMMON | {
        "engine": "kernel",
        "spiral": TANG | {"pattern_speed_kms_kpc": pattern_speed} | (spiral or {}),
        "amplitude": 0.1,
        "R_limits_kpc": [2.5, 27.0],
        "n_particles": 4000,
        "growth_Gyr": 6.0,
        "settle_Gyr": 0.3,
        "output_Gyr": 0.7,
        "n_outputs": 11,
        "sigma_R_kms": 0.0,
        "radians_per_step": 0.4,
        "annulus_kpc": 1.0,
    }
    return entry | changes


def reduction_entry(**changes):
    """Config entry of a small table of reductions."""
    entry = COMMON | {
        "spiral": {name: value for name, value in TANG.items() if name not in ("pitch_deg", "pattern_speed_kms_kpc")},
        "sigma_R_kms": [20.0, 35.0],
        "pitch_deg": [8.0, 12.66],
        "pattern_speed_kms_kpc": [2.0, 12.0, 19.5],
        "R_kpc": [7.0, 10.0],
        "growth_Gyr": 10.0,
    }
    return entry | changes


def simulate(entry, seed=1):
    """The mock of an entry, and its outputs."""
    mock = SpiralMock.from_config(entry, "spiral_mocks.made")
    return mock, list(simulate_outputs(mock, stream_generator(seed, "made")))


def annuli(mock, outputs):
    """Columns of the annuli of outputs together."""
    stacked = (np.concatenate([rows[name] for rows in outputs]) for name in ("R_kpc", "phi_deg", "v_R_kms"))
    return annulus_columns(mock, *stacked)
