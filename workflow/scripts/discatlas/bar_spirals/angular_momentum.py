"""Median radial velocity at an azimuth and an angular momentum, as a model with bar and spirals predicts it (Khalil et al. 2025, Fig. 8).

Stars of angular momentum J pass an azimuth at all radii R with v_phi = J / R. Since dx dy dv_R dv_phi = R dR dphi dv_R dJ / R,
they are counted with equal weight in R: the distribution function is summed over evenly spaced radii.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel, distribution_at
from discatlas.dynamics.medians import weighted_median
from discatlas.dynamics.velocity_grid import VelocityGrid
from discatlas.errors import DiscatlasError
from discatlas.frames import cartesian_position
from discatlas.maps.grids import Grid

Array = NDArray[np.float64]
AXES = ("phi_deg", "L_z_kpc_kms")
# of a bar: m and order of m (Omega - Omega_b) = order kappa
RESONANCES = {"corotation": (2, 0), "6:1": (6, -1), "4:1": (4, -1), "2:1": (2, -1)}


@dataclass(frozen=True)
class AngularMomentumPlane:
    """Cells in azimuth and angular momentum, and the part of the disc and of velocity space that enters them.

    Parameters
    ----------
    grid : Grid
        Cells in phi [deg] and L_z [kpc km/s].
    window_kpc : tuple
        Ranges of X and of Y; stars elsewhere are left out.
    R_step_kpc : float
        Spacing of the radii that are summed.
    velocities : VelocityGrid
        Bins of v_R; of v_phi only the range is used.
    """

    grid: Grid
    window_kpc: tuple[tuple[float, float], tuple[float, float]]
    R_step_kpc: float
    velocities: VelocityGrid

    @classmethod
    def build(
        cls,
        *,
        phi_deg: Sequence[float],
        L_z_kpc_kms: Sequence[float],
        window_kpc: Sequence[Sequence[float]],
        R_step_kpc: float,
        v_R_kms: Sequence[float],
        v_phi_kms: Sequence[float],
    ) -> Self:
        """Build from config values: `phi_deg` and `L_z_kpc_kms` are low, high and size of the cells.

        Raises
        ------
        DiscatlasError
            For cells that do not fill their range, angular momenta below zero, an empty window, and bad steps.
        """
        axes = (phi_deg, L_z_kpc_kms)
        limits = tuple((float(low), float(high)) for low, high, _ in axes)
        grid = Grid(AXES, "square", tuple(float(size) for _, _, size in axes), limits)
        where = "angular-momentum plane"
        if limits[1][0] < 0:
            raise DiscatlasError(f"{where}: L_z_kpc_kms from {limits[1][0]:g}, expected 0 or more")
        window = tuple((float(low), float(high)) for low, high in window_kpc)
        if any(low >= high for low, high in window) or not R_step_kpc > 0:
            raise DiscatlasError(
                f"{where}: window_kpc {list(window_kpc)}, R_step_kpc {R_step_kpc}: expected growing ranges of X and Y and a step above 0"
            )
        velocities = VelocityGrid.from_config({"v_R_kms": v_R_kms, "v_phi_kms": v_phi_kms})
        return cls(grid, window, float(R_step_kpc), velocities)

    @property
    def phi_deg(self) -> Array:
        """Azimuths of the cells' centres [deg]."""
        return (self.grid.edges[0][1:] + self.grid.edges[0][:-1]) / 2

    @property
    def L_z_kpc_kms(self) -> Array:
        """Angular momenta of the cells' centres [kpc km/s]."""
        return (self.grid.edges[1][1:] + self.grid.edges[1][:-1]) / 2

    def radii(self, phi_deg: float) -> Array:
        """Return the radii at an azimuth that lie in the window [kpc], midpoints of steps."""
        reach = float(np.hypot(*np.abs(self.window_kpc).max(axis=1)))
        R = (np.arange(np.ceil(reach / self.R_step_kpc)) + 0.5) * self.R_step_kpc
        places = zip(cartesian_position(R, phi_deg), self.window_kpc, strict=True)
        return R[np.logical_and.reduce([(values >= low) & (values < high) for values, (low, high) in places])]

    def record(self) -> dict[str, Any]:
        """Return the settings for the provenance of a table."""
        v_R, v_phi = self.velocities.v_R_kms, self.velocities.v_phi_kms
        return {
            "limits": self.grid.limits,
            "cell_size": self.grid.cell_size,
            "window_kpc": self.window_kpc,
            "v_R_kms": [float(v_R[0]), float(v_R[-1]), float(v_R[1] - v_R[0])],
            "v_phi_kms": [float(v_phi[0]), float(v_phi[-1]), float(v_phi[1] - v_phi[0])],
        }


def predict_azimuths(
    model: BarredModel, plane: AngularMomentumPlane, accuracy: str | int
) -> Iterator[dict[str, NDArray]]:
    """Yield, for one azimuth after the other, columns of contract ``angular_momentum`` but those of stars.

    Angular momenta that no star in the window can have within the range of v_phi are left out.
    """
    n_L = plane.L_z_kpc_kms.size
    low, high = plane.velocities.v_phi_kms[[0, -1]]
    half = (plane.velocities.v_phi_kms[1] - plane.velocities.v_phi_kms[0]) / 2
    v_R = plane.velocities.v_R_kms
    for number, phi in enumerate(plane.phi_deg):
        R = plane.radii(phi)
        v_phi = plane.L_z_kpc_kms[:, None] / R
        i, j = np.nonzero((v_phi >= low - half) & (v_phi < high + half))
        f = distribution_at(model, R[j][:, None], phi, v_R, v_phi[i, j][:, None], accuracy)
        profile = np.zeros((n_L, v_R.size))
        np.add.at(profile, i, f)
        held = np.unique(i)
        yield {
            "cell": number * n_L + held,
            "phi_deg": np.full(held.size, phi),
            "L_z_kpc_kms": plane.L_z_kpc_kms[held],
            "v_R_kms": weighted_median(profile[held], v_R),
            "density": profile[held].sum(axis=1) * plane.R_step_kpc * (v_R[1] - v_R[0]),
        }


def resonant_momenta(profile: PlaneProfile, Omega_bar_kms_kpc: float) -> dict[str, float]:
    """Return the angular momentum of circular orbits in resonance with a bar [kpc km/s], of those resonances that exist."""
    found = {}
    for name, (m, order) in RESONANCES.items():
        try:
            R = profile.resonance(Omega_bar_kms_kpc, m, order)
        except DiscatlasError:
            continue
        found[name] = float(R * profile.circular_velocity(R))
    return found
