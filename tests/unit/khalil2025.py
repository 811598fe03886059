"""The axisymmetric model of Khalil et al. 2025 as a config has it, and what AGAMA 1.0.159 gives for it."""

import numpy as np

from discatlas.dynamics.density import DensityModel

CONFIG = {
    "discs": [
        {"Sigma0_msun_kpc2": 1.18814284404e9, "h_R_kpc": 2.4, "h_Z_kpc": 0.3},
        {"Sigma0_msun_kpc2": 7.177198e7, "h_R_kpc": 4.8, "h_Z_kpc": 0.13},
    ],
    "spheroids": [
        {
            "rho0_msun_kpc3": 1.0834e8,
            "a_kpc": 8.15813067,
            "gamma": 1.30367551,
            "beta": 2.90665262,
            "r_cut_kpc": 0.83073304,
            "alpha": 2,
            "q": 1,
        },
        {"rho0_msun_kpc3": 4.56e8, "a_kpc": 1, "gamma": 0, "beta": 0, "r_cut_kpc": 0.65, "alpha": 0.499, "q": 0.8},
    ],
    "source": "Khalil et al. 2025",
}
MODEL = DensityModel.from_config(CONFIG)

# R [kpc], Phi0 [(km/s)^2], v_c [km/s], Omega, kappa [km/s/kpc], to the digits given
PLANE = np.array(
    [
        [4, -156146.85, 225.6440, 56.4110, 86.8632],
        [6, -134136.73, 238.7757, 39.7960, 58.5932],
        [8.275, -115506.09, 241.4229, 29.1750, 40.9657],
        [10, -104535.43, 239.6175, 23.9618, 32.7953],
        [15, -82086.32, 229.9085, 15.3272, 20.1728],
    ]
)
LAST_DIGIT = np.array([0.01, 1e-4, 1e-4, 1e-4])
# R [kpc], v_R, v_phi [km/s], J_R [kpc km/s] in the plane
J_R = np.array([[8.275, 0, 220, 10.4917], [8.275, 50, 230, 32.3588], [8.275, -100, 180, 174.839], [6, 30, 240, 7.7715]])
# pattern speed [km/s/kpc], order / m, radius [kpc] where Omega + kappa order / m is the pattern speed
RESONANCES = np.array(
    [
        [37, 0, 6.4898],
        [37, 1 / 6, 8.0601],
        [37, 1 / 4, 8.7842],
        [37, 1 / 2, 10.8072],
        [13.070959, 1 / 2, 25.944],
        [16.406153, -1 / 3, 7.766],
        [16.406153, 1 / 3, 19.288],
    ]
)
