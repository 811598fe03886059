"""The arms of Reid et al. 2019: their own numbers, the kink, the pitch, and where they lie about the Sun."""

from pathlib import Path

import numpy as np
import pytest

from discatlas.arms import REID_R0_KPC, arm_locus, arm_radius, parse_arms, read_arms
from discatlas.errors import DiscatlasError

TABLE = Path(__file__).parents[2] / "resources" / "reid2019_arms.csv"
ARMS = {arm.arm: arm for arm in read_arms(TABLE)}


def test_table_holds_the_seven_arms_and_their_source():
    assert list(ARMS) == [
        "3-kpc (near)",
        "Norma",
        "Scutum-Centaurus",
        "Sagittarius-Carina",
        "Local",
        "Perseus",
        "Outer",
    ]
    assert all("ApJ 885, 131" in arm.source for arm in ARMS.values())
    assert all(arm.beta_min_deg <= arm.beta_kink_deg <= arm.beta_max_deg for arm in ARMS.values())


@pytest.mark.parametrize("name", list(ARMS))
def test_radius_at_the_kink_is_the_tabulated_one_from_both_sides(name):
    arm = ARMS[name]
    beta = arm.beta_kink_deg + np.array([-1e-9, 0.0, 1e-9])
    assert arm_radius(arm, beta) == pytest.approx([arm.R_kink_kpc] * 3, abs=1e-9)


@pytest.mark.parametrize("name", list(ARMS))
def test_pitch_angles_come_back_from_the_locus(name):
    arm = ARMS[name]
    for offset_deg, pitch_deg in ((-5.0, arm.pitch_below_deg), (5.0, arm.pitch_above_deg)):
        beta = arm.beta_kink_deg + offset_deg + np.array([-0.5, 0.5])
        slope = np.diff(np.log(arm_radius(arm, beta)))[0] / np.radians(1.0)
        # A trailing spiral winds inwards along the rotation.
        assert np.degrees(np.arctan(-slope)) == pytest.approx(pitch_deg, abs=1e-9)


def test_radii_towards_the_centre_line():
    # By hand: 8.87 exp(40 deg tan 10.3 deg), 8.26 exp(9 deg tan 11.4 deg), 6.04 exp(24 deg tan 17.1 deg).
    expected = {"Perseus": 10.0699, "Local": 8.5259, "Sagittarius-Carina": 6.8707}
    for name, radius in expected.items():
        assert arm_radius(ARMS[name], 0.0) == pytest.approx(radius, abs=1e-4)
    assert expected["Sagittarius-Carina"] < REID_R0_KPC < expected["Local"] < expected["Perseus"]


def test_locus_is_in_the_frame_of_the_maps():
    R_kpc, phi_deg, X_kpc, Y_kpc = arm_locus(ARMS["Perseus"], 139)
    assert R_kpc.shape == (139,)
    assert (phi_deg[0], phi_deg[-1]) == (-23.0, 115.0)
    assert 40.0 in phi_deg
    np.testing.assert_allclose(np.hypot(X_kpc, Y_kpc), R_kpc, rtol=1e-14)
    np.testing.assert_allclose(np.degrees(np.arctan2(Y_kpc, -X_kpc)), phi_deg, atol=1e-12)
    at_sun = np.argmin(np.abs(phi_deg))
    assert X_kpc[at_sun] < -REID_R0_KPC


def test_bad_tables_say_what_is_wrong(tmp_path):
    with pytest.raises(DiscatlasError, match="no such file"):
        read_arms(tmp_path / "none.csv")
    row = dict.fromkeys(ARMS["Local"].__dataclass_fields__, "1")
    with pytest.raises(DiscatlasError, match="R_kink_kpc of arm '1' is 'x', expected a number"):
        parse_arms([row | {"R_kink_kpc": "x"}], "arms.csv")
    with pytest.raises(DiscatlasError, match="no column 'width_kpc'"):
        parse_arms([{key: value for key, value in row.items() if key != "width_kpc"}], "arms.csv")
