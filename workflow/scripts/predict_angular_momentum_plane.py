"""Predict the median radial velocity at azimuths and angular momenta from a model (rule ``predict_angular_momentum_plane``)."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from discatlas.bar_spirals.angular_momentum import AngularMomentumPlane, predict_azimuths, resonant_momenta
from discatlas.bar_spirals.disc_map import concatenate
from discatlas.contracts import load_contract
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel
from discatlas.runtime import script_log, use_threads
from discatlas.tables import read_columns, write_table

log = logging.getLogger(__name__)
_REPORTS = 10


def run(
    *,
    model: Path,
    plane: Path,
    cells: Path,
    phi_deg: Sequence[float],
    L_z_kpc_kms: Sequence[float],
    window_kpc: Sequence[Sequence[float]],
    R_step_kpc: float,
    v_R_kms: Sequence[float],
    v_phi_kms: Sequence[float],
    accuracy: str | int,
    threads: int,
) -> None:
    """Write the model's median v_R in cells of azimuth and angular momentum (contract ``angular_momentum``).

    Parameters
    ----------
    model, plane : Path
        The model's JSON, and the axisymmetric potential in the plane (contract ``potential_plane``).
    phi_deg, L_z_kpc_kms : list of three float
        Lower and upper limit and size of the cells.
    window_kpc : list of two ranges
        X and Y of the stars that count.
    R_step_kpc : float
        Spacing of the radii that are summed.
    v_R_kms, v_phi_kms : list of three float
        First and last bin centre and step of the velocities; of v_phi only the range counts.
    accuracy : str or int
        See `discatlas.dynamics.backward.distribution_at`.

    Raises
    ------
    DiscatlasError
        For bad cells, velocities or windows, and radii outside the potential's table.
    """
    use_threads(threads)
    spec = json.loads(model.read_text(encoding="utf-8"))
    profile = PlaneProfile.from_columns(read_columns(plane))
    barred = BarredModel.from_spec(profile, spec)
    settings = {"phi_deg": phi_deg, "L_z_kpc_kms": L_z_kpc_kms, "window_kpc": window_kpc, "R_step_kpc": R_step_kpc}
    cuts = AngularMomentumPlane.build(**settings, v_R_kms=v_R_kms, v_phi_kms=v_phi_kms)
    blocks, n = [], cuts.phi_deg.size
    for number, block in enumerate(predict_azimuths(barred, cuts, accuracy)):
        blocks.append(block)
        if number * _REPORTS // n != (number + 1) * _REPORTS // n:
            log.info(f"{cells}: {number + 1} of {n} azimuths")
    columns = concatenate(blocks)
    n_cells = columns["cell"].size
    columns |= {"n_stars": np.ma.masked_all(n_cells, np.int64), "v_R_error_kms": np.full(n_cells, np.nan)}
    bar = barred.perturbation.bar
    provenance = {
        "model": spec,
        "plane": cuts.record() | {"R_step_kpc": R_step_kpc},
        "accuracy": accuracy,
        "resonances_kpc_kms": resonant_momenta(profile, bar.pattern.Omega_kms_kpc) if bar else {},
    }
    write_table(cells, load_contract("angular_momentum"), columns, provenance)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            model=Path(snakemake.input.model),
            plane=Path(snakemake.input.plane),
            cells=Path(snakemake.output.cells),
            phi_deg=snakemake.params.phi_deg,
            L_z_kpc_kms=snakemake.params.L_z_kpc_kms,
            window_kpc=snakemake.params.window_kpc,
            R_step_kpc=snakemake.params.R_step_kpc,
            v_R_kms=snakemake.params.v_R_kms,
            v_phi_kms=snakemake.params.v_phi_kms,
            accuracy=snakemake.params.accuracy,
            threads=snakemake.threads,
        )
