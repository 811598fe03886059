"""For tests of the simulated galaxy: tables of an analytic potential, Miyamoto & Nagai's disc in a logarithmic halo, and entries."""

from copy import deepcopy

import numpy as np

from discatlas.constants import G_KPC_KMS2_MSUN
from discatlas.contracts import load_contract
from discatlas.dynamics.potential_nodes import radial_nodes, vertical_nodes
from discatlas.tables import write_table

A_KPC, B_KPC, MASS_MSUN = 2.5, 0.25, 8e10
V_HALO_KMS, CORE_KPC, FAR_KPC = 200.0, 5.0, 100.0  # the halo's potential is zero at FAR_KPC


def potential(R, Z):
    """Phi, dPhi/dR, dPhi/dZ, d2Phi/dRdZ."""
    s = np.sqrt(Z**2 + B_KPC**2)
    q, r2 = (A_KPC + s) ** 2 + R**2, R**2 + Z**2 + CORE_KPC**2
    GM, v2 = G_KPC_KMS2_MSUN * MASS_MSUN, V_HALO_KMS**2
    along_Z = Z * (A_KPC + s) / s
    return (
        -GM / np.sqrt(q) + v2 / 2 * np.log(r2 / FAR_KPC**2),
        GM * R / q**1.5 + v2 * R / r2,
        GM * along_Z / q**1.5 + v2 * Z / r2,
        -3 * GM * R * along_Z / q**2.5 - 2 * v2 * R * Z / r2**2,
    )


def plane_columns(n=400):
    """Columns of contract ``potential_plane``."""
    R, step = radial_nodes(n, 0.01, 40.0), 1e-4
    Phi, force, _, _ = potential(R, 0 * R)
    slope = (potential(R + step, 0 * R)[1] - potential(R - step, 0 * R)[1]) / (2 * step)
    Omega = np.sqrt(force / R)
    return {
        "R_kpc": R,
        "Phi_km2_s2": Phi,
        "dPhi_dR_km2_s2_kpc": force,
        "v_c_kms": R * Omega,
        "Omega_kms_kpc": Omega,
        "kappa_kms_kpc": np.sqrt(slope + 3 * Omega**2),
        "nu_kms_kpc": np.sqrt(potential(R, np.full(n, 1e-4))[2] / 1e-4),
    }


def grid_columns(n_R=80, n_Z=50):
    """Columns of contract ``potential_grid``."""
    R, Z = (
        nodes.ravel() for nodes in np.meshgrid(radial_nodes(n_R, 0.01, 40.0), vertical_nodes(n_Z, 20.0), indexing="ij")
    )
    names = ("Phi_km2_s2", "dPhi_dR_km2_s2_kpc", "dPhi_dZ_km2_s2_kpc", "d2Phi_dRdZ_km2_s2_kpc2")
    return {"R_kpc": R, "Z_kpc": Z} | dict(zip(names, potential(R, Z), strict=True))


def write_tables(folder):
    """Write both tables and return their paths."""
    plane, grid = folder / "plane.parquet", folder / "grid.parquet"
    write_table(plane, load_contract("potential_plane"), plane_columns(), {})
    write_table(grid, load_contract("potential_grid"), grid_columns(), {})
    return plane, grid


def entries(config, name="milky_way", **changes):
    """Config entries of a galaxy, of its bar and of its spirals, as the rule hands them to the script."""
    model = deepcopy(config["galaxies"][name]) | changes
    del model["extinction"]
    orbits = model["kind"] == "orbits"
    bar = config["bars"].get(model.get("bar"))
    return {"model": model, "bar": bar, "spirals": [config["spirals"][k] for k in model["spirals"]] if orbits else []}
