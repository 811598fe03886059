"""A velocity field made by hand for tests: cells with a known field, and rows of the velocity_field table by lstsq."""

import numpy as np

TERMS = ("0", "R", "phi", "Z", "RR", "phiphi", "ZZ", "Rphi", "RZ", "phiZ")


def draw_cells(rng, R_range, phi_max_deg, Z_max, n):
    """Cells spread evenly: X, Y, Z, R [kpc], phi [deg]."""
    R = np.sqrt(rng.uniform(R_range[0] ** 2, R_range[1] ** 2, n))
    phi, Z = rng.uniform(-phi_max_deg, phi_max_deg, n), rng.uniform(-Z_max, Z_max, n)
    X, Y = -R * np.cos(np.deg2rad(phi)), R * np.sin(np.deg2rad(phi))
    return {"X_kpc": X, "Y_kpc": Y, "Z_kpc": Z, "R_kpc": R, "phi_deg": phi}


def operators(cells, R_node, phi_node_deg, radius):
    """Rows of the cells within the sphere, and the pseudo-inverse and cofactor matrix of both orders."""
    phi_node = np.deg2rad(phi_node_deg)
    X, Y = -R_node * np.cos(phi_node), R_node * np.sin(phi_node)
    rows = np.flatnonzero(np.hypot(np.hypot(cells["X_kpc"] - X, cells["Y_kpc"] - Y), cells["Z_kpc"]) <= radius)
    dR, s = cells["R_kpc"][rows] - R_node, R_node * (np.deg2rad(cells["phi_deg"][rows]) - phi_node)
    z = cells["Z_kpc"][rows]
    design = np.stack([np.ones_like(z), dR, s, z, dR**2 / 2, s**2 / 2, z**2 / 2, dR * s, dR * z, s * z], axis=1)
    result = []
    for X_order in (design[:, :4], design):
        inverse = np.linalg.pinv(X_order)
        result.append((X_order, inverse, inverse @ inverse.T))
    return rows, result


def field_table(cells, nodes, radius):
    """Columns of the velocity_field table that the rotation curves need, for nodes [(R, phi_deg), ...]."""
    table = {}
    for R, phi in nodes:
        rows, orders = operators(cells, R, phi, radius)
        row = {"radius_kpc": radius, "R_kpc": R, "phi_deg": phi, "n_cells": rows.size}
        row |= {"X_kpc": -R * np.cos(np.deg2rad(phi)), "Y_kpc": R * np.sin(np.deg2rad(phi))}
        for prefix, (design, inverse, cofactor) in zip(("linear_", ""), orders, strict=True):
            fits = {}
            for c in ("v_R", "v_phi"):
                v = cells[f"{c}_kms"][rows]
                p = inverse @ v
                variance = np.sum((v - design @ p) ** 2) / (rows.size - p.size)
                fits[c] = p, np.sqrt(variance * np.diag(cofactor))
                for term, value, error in zip(TERMS, p, fits[c][1], strict=False):
                    unit = ("kms", "kms_kpc", "kms_kpc2")[0 if term == "0" else (1 if term in ("R", "phi", "Z") else 2)]
                    row |= {f"{prefix}{c}_{term}_{unit}": value, f"{prefix}{c}_{term}_error_{unit}": error}
            (u, eu), (v, ev) = fits["v_R"], fits["v_phi"]
            ABCK = (v[0] / R - v[1] - u[2], -v[0] / R - v[1] + u[2], -u[0] / R + u[1] - v[2], u[0] / R + u[1] + v[2])
            spin, swell = np.hypot(ev[1], eu[2]), np.hypot(eu[1], ev[2])
            for name, twice, error in zip("ABCK", ABCK, (spin, spin, swell, swell), strict=True):
                row |= {f"{prefix}{name}_kms_kpc": twice / 2, f"{prefix}{name}_error_kms_kpc": error / 2}
        for name, value in row.items():
            table.setdefault(name, []).append(value)
    columns = {name: np.array(values) for name, values in table.items()}
    n = len(nodes)
    return columns | {"node": np.arange(n), "quality": np.array(["good"] * n, dtype=object)}
