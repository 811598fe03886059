"""Export a barred potential, and draws of its posterior, for AGAMA, galpy and gala (rule ``export_barred_potential``)."""

import json
import logging
from pathlib import Path

from discatlas.bar_spirals.barred_potential import BarredPotential
from discatlas.bar_spirals.export import export_record, force_errors, loader_text
from discatlas.bar_spirals.posterior_models import posterior_columns, posterior_specs
from discatlas.dynamics.axisymmetric import PlaneProfile, PotentialGrid
from discatlas.dynamics.density import DensityModel
from discatlas.errors import DiscatlasError
from discatlas.files import write_text
from discatlas.runtime import script_log, use_threads
from discatlas.streams import stream_generator
from discatlas.tables import column_names, read_columns, read_provenance

log = logging.getLogger(__name__)


def run(
    *,
    model: Path,
    plane: Path,
    grid: Path,
    posterior: Path | None,
    record: Path,
    loader: Path,
    agama: Path,
    cut_offs: str | None,
    n_draws: int,
    seed: int,
    threads: int,
) -> None:
    """Write the potential of a barred model as three files that stand alone.

    Parameters
    ----------
    model, plane, grid : Path
        Specification of the barred model, and tables of its axisymmetric potential.
    posterior : Path or None
        Draws of the fit's parameters, exported too; None for none.
    record, loader, agama : Path
        Products: all numbers as JSON; the Python module that makes galpy's and gala's potentials of them, or AGAMA's of a draw;
        and the model for AGAMA.
    cut_offs : str or None
        The choice of cut-offs of the fit whose posterior is given.
    n_draws : int
        Draws that are exported.
    seed : int
        For the places at which forces are compared with the kernel's.

    Raises
    ------
    DiscatlasError
        For tables of a potential whose components are not in their provenance.
    """
    use_threads(threads)
    spec = json.loads(model.read_text(encoding="utf-8"))
    profile, about = PlaneProfile.from_columns(read_columns(plane)), read_provenance(plane)
    space = PotentialGrid.from_columns(read_columns(grid))
    if "model" not in about:
        raise DiscatlasError(f"{plane}: its provenance lacks the components of the potential; tabulate it again")
    draws = []
    if posterior is not None:
        columns = read_columns(posterior, posterior_columns(column_names(posterior)))
        draws = posterior_specs(columns, spec, profile, str(cut_offs), n_draws)
    content = export_record(DensityModel.from_config(about["model"]), space, spec, draws)
    rng = stream_generator(seed, "export_barred_potential", model.parent.name)
    content["accuracy"] = force_errors(content, profile, space, rng)
    write_text(record, json.dumps(content, separators=(",", ":")) + "\n")
    write_text(loader, loader_text())
    write_text(agama, BarredPotential(content, content["model"]).agama_text())
    log.info(f"{record}: {len(draws)} draws; forces are within {content['accuracy']['largest']:.1e} of the kernel's")


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            model=Path(snakemake.input.model),
            plane=Path(snakemake.input.plane),
            grid=Path(snakemake.input.grid),
            posterior=Path(snakemake.input.posterior) if snakemake.input.get("posterior") else None,
            record=Path(snakemake.output.record),
            loader=Path(snakemake.output.loader),
            agama=Path(snakemake.output.agama),
            cut_offs=snakemake.params.cut_offs,
            n_draws=snakemake.params.n_draws,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
