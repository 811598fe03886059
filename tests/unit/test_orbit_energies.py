"""Energies, actions and places today of the default discs in the default potential, at the default length of steps."""

import numpy as np
import pytest
from orbit_models import BAR, LIFE_KPC_KMS, equilibrium, khalil_grid, khalil_plane, khalil_vertical, published

from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbits import ForceTables, count_steps, energies, integrate


@pytest.fixture(scope="module")
def discs(_default_config):
    """20,000 stars of the thin and the thick disc."""
    galaxy = _default_config["galaxies"]["milky_way"]
    parts = [
        equilibrium(galaxy["populations"][name], khalil_plane(), khalil_vertical(), n, seed)
        for name, n, seed in (("thin", 15000, 1), ("thick", 5000, 2))
    ]
    assert galaxy["radians_per_step"] == 0.3
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def follow(discs, tables, radians=0.3):
    place, velocity, R_peri = discs
    steps = count_steps(khalil_plane(), R_peri, LIFE_KPC_KMS, radians)
    return integrate(tables, place, velocity, -LIFE_KPC_KMS, 0.0, steps, radians)


def jacobi_energy(tables, place, velocity, t, Omega):
    L_z = place[:, 1] * velocity[:, 0] - place[:, 0] * velocity[:, 1]
    return energies(tables, place, velocity, t) - Omega * L_z, L_z


@pytest.mark.parametrize(
    ("perturbation", "Omega"),
    [
        (Perturbation(None, ()), 0.0),
        (published(arms=(), turns=0.0), BAR["Omega_kms_kpc"]),
        (published(bar=False, arms=(2,), turns=0.0, R_limits_kpc=(None, None)), 13.070959),
    ],
    ids=["axisymmetric", "bar", "uncut spiral"],
)
@pytest.mark.parametrize("in_space", [False, True])
def test_energy_in_the_frame_of_the_pattern_is_conserved(discs, perturbation, Omega, in_space):
    """To 1e-5 for 99.9 % of the stars, also of those that the bar sends through the centre."""
    if not in_space:
        discs = [discs[0] * [1, 1, 0], discs[1] * [1, 1, 0], discs[2]]
    tables = ForceTables.build(khalil_plane(), perturbation, khalil_grid() if in_space else None)
    today = follow(discs, tables)
    before, L_before = jacobi_energy(tables, *discs[:2], -LIFE_KPC_KMS, Omega)
    after, L_after = jacobi_energy(tables, *today, 0.0, Omega)
    error = np.abs(after / before - 1)
    print("median, 99, 99.9 % of the error", np.percentile(error, [50, 99, 99.9]), "good", np.mean(error < 1e-5))
    assert np.mean(error < 1e-5) > 0.999
    if Omega == 0:
        np.testing.assert_allclose(L_after, L_before, rtol=1e-5)
    else:
        assert np.median(np.abs(L_after / L_before - 1)) > 1e-3


def test_half_the_step_leaves_places_today_alone(discs):
    """Less than 5 pc for 99 % of the stars beyond 4 kpc, in the whole potential."""
    tables = ForceTables.build(khalil_plane(), published(), khalil_grid())
    today, finer = follow(discs, tables)[0], follow(discs, tables, 0.15)[0]
    moved_pc = 1000 * np.linalg.norm(today - finer, axis=1)[np.hypot(*finer[:, :2].T) > 4]
    print("50, 99, 99.9 % of the shift [pc]", np.percentile(moved_pc, [50, 99, 99.9]))
    assert np.percentile(moved_pc, 99) < 5
