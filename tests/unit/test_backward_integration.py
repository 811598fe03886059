"""The published medians of v_R, and Hercules and the Hat, by backward integration: all of bar and spirals at once."""

import numpy as np
import pytest
from backward_models import PUBLISHED_GRID, model, polar
from orbit_models import published

from discatlas.dynamics.backward import map_medians, v_R_medians, velocity_planes
from discatlas.dynamics.medians import weighted_median

V_R, V_PHI = PUBLISHED_GRID.v_R_kms, PUBLISHED_GRID.v_phi_kms
# point x, y [kpc]; the published median, and its converged value [km/s]
MEDIANS = [((8.275, 0), 1.237, 1.243), ((6.5, 0), 2.283, 2.318), ((10, -3), 2.931, 2.929), ((7, 1), 4.920, None)]


@pytest.mark.parametrize(("point", "value", "converged"), MEDIANS)
def test_the_published_medians(point, value, converged):
    """To 0.05 km/s: kernel, modes, signs, phases, growth and cut-offs are those of the published model."""
    result = v_R_medians(model(), *polar(*point), PUBLISHED_GRID, definition="khalil2025")[0]
    print(point, result, value)
    assert abs(result - value) < 0.05
    assert converged is None or abs(result - converged) < 0.05


def test_the_published_medians_with_ends_of_steps_at_the_cut_offs():
    """The same by the other kernel, of which the fast one shares the radial functions only."""
    R, phi = polar(*np.array([point for point, _, _ in MEDIANS]).T)
    result = v_R_medians(model(), R, phi, PUBLISHED_GRID, accuracy=150, definition="khalil2025")
    np.testing.assert_allclose(result, [value for _, value, _ in MEDIANS], atol=0.05)


@pytest.fixture(scope="module")
def sun():
    """The velocity plane at the Sun in equilibrium, with the bar alone, and with the spirals too."""
    models = {"equilibrium": model().equilibrium(), "bar": model(published(arms=())), "all": model()}
    return {name: velocity_planes(made, 8.275, 0.0, PUBLISHED_GRID)[0] for name, made in models.items()}


def share(f, v_R, v_phi):
    chosen = np.ix_((v_R[0] < V_R) & (v_R[1] > V_R), (v_phi[0] < V_PHI) & (v_phi[1] > V_PHI))
    return f[chosen].sum() / f.sum()


def test_without_bar_and_spirals_nothing_moves_outward(sun):
    """The published definition is half a bin, 1 km/s, too low."""
    f = velocity_planes(model().equilibrium(), 8.275, 0.0, PUBLISHED_GRID, accuracy=300)[0]
    np.testing.assert_allclose(f, f[::-1], rtol=1e-5)
    assert abs(weighted_median(f.sum(axis=1), V_R)) < 1e-6
    assert abs(weighted_median(f.sum(axis=1), V_R, "khalil2025") + 1) < 1e-6
    np.testing.assert_allclose(sun["equilibrium"], f, rtol=1e-3)  # the fast setting
    assert abs(weighted_median(sun["equilibrium"].sum(axis=1), V_R)) < 1e-3


@pytest.mark.parametrize("name", ["bar", "all"])
def test_the_hat(sun, name):
    """An over-density at v_phi = 280-296 km/s, above both sides of it."""

    def excess(v_phi):
        return share(sun[name], (-60, 60), v_phi) / share(sun["equilibrium"], (-60, 60), v_phi)

    hat = excess((280, 296))
    assert hat > 1.6
    assert hat > 1.4 * max(excess((260, 276)), excess((300, 316)))


@pytest.mark.parametrize("name", ["bar", "all"])
def test_hercules(sun, name):
    """Stars with v_phi near 207 km/s move outward, and a gap parts them from the rest, which equilibrium does not have."""
    moving = [share(sun[name], v_R, (198, 216)) for v_R in ((20, 60), (-60, -20))]
    assert moving[0] > 1.7 * moving[1]
    outward = {key: f[(V_R > 10) & (V_R < 40)].sum(axis=0) for key, f in sun.items()}
    below, between = outward[name][(V_PHI > 198) & (V_PHI < 216)].max(), (V_PHI > 210) & (V_PHI < 226)
    assert outward[name][between].min() < 0.93 * below
    rising = outward["equilibrium"][V_PHI < 230]
    assert np.all(np.diff(rising) > 0)


def test_sirius_needs_the_spirals(sun):
    """Density at v_R = -12 over that at 0, for 250 < v_phi < 260: -11 % with the bar alone, +5 % with the spirals."""
    for name, expected in (("bar", -0.11), ("all", 0.05)):
        strip = sun[name][:, (V_PHI >= 250) & (V_PHI <= 260)].sum(axis=1)
        ratio = np.interp(-12, V_R, strip) / np.interp(0, V_R, strip)
        assert abs(ratio - 1 - expected) < 0.02


def test_medians_of_a_map(sun):
    """They are those of the velocity plane; J_R's halves the stars of the plane."""
    made = model()
    found = map_medians(made, [8.275, 9.0], [0.0, 40.0], PUBLISHED_GRID)
    f = sun["all"]
    assert found.v_R_kms[0] == weighted_median(f.sum(axis=1), V_R)
    assert found.v_phi_kms[0] == weighted_median(f.sum(axis=0), V_PHI)
    assert found.density[0] == pytest.approx(f.sum() * 8)
    J = made.equilibrium_tables.actions.radial_action(8.275, V_R[:, None], V_PHI)
    assert f[found.J_R_kpc_kms[0] > J].sum() / f.sum() == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(found.v_R_kms, v_R_medians(made, [8.275, 9.0], [0.0, 40.0], PUBLISHED_GRID))
