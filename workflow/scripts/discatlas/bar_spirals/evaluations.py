"""What a posterior is made of: the cells and nodes of a map, the parameters, and models evaluated there."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from discatlas.bar_spirals.cell_nodes import CellNodes
from discatlas.bar_spirals.likelihood import Cells
from discatlas.bar_spirals.map_noise import local_scatter
from discatlas.bar_spirals.parameters import SpiralParameters
from discatlas.bar_spirals.posterior_setting import PosteriorSettings
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.backward import BarredModel, v_R_medians
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
SAVE_EVERY = 10  # evaluations
LEAST_CELLS = 10


def within(R_kpc: Array, limits_kpc: list[float | None]) -> NDArray[np.bool_]:
    """Return which radii lie within limits, of which None is none."""
    low, high = limits_kpc
    return (R_kpc >= (0.0 if low is None else low)) & (R_kpc <= (np.inf if high is None else high))


@dataclass(frozen=True)
class Problem:
    """A map and the models that may explain it.

    Parameters
    ----------
    settings : PosteriorSettings
        All choices.
    parameters : SpiralParameters
        The components of a vector, and their priors.
    plane : PlaneProfile
        The axisymmetric potential.
    table : mapping
        Columns of the cells of the posterior or of any variant: X_kpc, Y_kpc, R_kpc, phi_deg, v_R_kms, and errors
        ``stated_kms`` and ``scatter_kms``.
    nodes : CellNodes
        The nodes among them.
    """

    settings: PosteriorSettings
    parameters: SpiralParameters
    plane: PlaneProfile
    table: Mapping[str, Array]
    nodes: CellNodes

    @classmethod
    def prepare(
        cls,
        settings: PosteriorSettings,
        parameters: SpiralParameters,
        plane: PlaneProfile,
        columns: Mapping[str, Array],
    ) -> Self:
        """Choose the cells of a map that the posterior or any variant takes, and nodes among them.

        Raises
        ------
        DiscatlasError
            If fewer than ten cells are left.
        """
        known = np.isfinite(columns["v_R_kms"])
        scatter = np.full(known.size, np.nan)
        if "scatter" in (settings.errors, *(part.get("errors") for part in settings.variants.values())):
            scatter[known] = local_scatter(*(columns[name][known] for name in ("X_kpc", "Y_kpc", "v_R_kms")))
        chosen = np.zeros(known.size, bool)
        for limits in (settings.R_limits_kpc, *(part.get("R_limits_kpc") for part in settings.variants.values())):
            inside = chosen if limits is None else known & within(columns["R_kpc"], limits)
            if inside.sum() < LEAST_CELLS:
                raise DiscatlasError(
                    f"spiral posterior: {inside.sum()} of {known.size} cells have a median within R_limits_kpc {limits}, expected at least {LEAST_CELLS}"
                )
            chosen = chosen | inside
        table = {name: np.asarray(values)[chosen] for name, values in columns.items()}
        table |= {"stated_kms": table["v_R_error_kms"], "scatter_kms": scatter[chosen]}
        return cls(
            settings, parameters, plane, table, CellNodes.choose(table["R_kpc"], table["phi_deg"], settings.n_nodes)
        )

    def cells(self, settings: PosteriorSettings, extra_kms: Array | float = 0.0) -> tuple[Cells, NDArray[np.bool_]]:
        """Return the cells of a variant, with `extra_kms` added to their errors in quadrature, and which of the fit's they are."""
        kept = within(self.table["R_kpc"], settings.R_limits_kpc)
        errors = np.hypot(self.table[f"{settings.errors}_kms"], extra_kms)
        columns = (self.table["X_kpc"], self.table["Y_kpc"], self.table["v_R_kms"], errors)
        return Cells(*(values[kept] for values in columns)), kept

    def model(self, vector: Array) -> BarredModel:
        """Return the model of a vector."""
        return BarredModel.from_spec(self.plane, self.parameters.spec(vector, self.plane))

    def medians(self, vector: Array, full: bool = False) -> Array:
        """Return the medians of v_R at the nodes [km/s], shape (k,)."""
        accuracy = self.settings.full_accuracy if full else self.settings.accuracy
        grid = self.settings.grid(full)
        return v_R_medians(self.model(vector), self.nodes.R_kpc, self.nodes.phi_deg, grid, accuracy)

    def map_medians(self, vector: Array) -> Array:
        """Return the medians at all cells [km/s], shape (n,), without interpolation."""
        where = self.table["R_kpc"], self.table["phi_deg"]
        return v_R_medians(self.model(vector), *where, self.settings.grid(), self.settings.accuracy)

    def digest(self) -> str:
        """Return a digest of all that the evaluations depend on."""
        settings, parameters = self.settings, self.parameters
        names = ("v_R_kms", "v_phi_kms", "accuracy", "full_v_R_kms", "full_v_phi_kms", "full_accuracy")
        record = {name: getattr(settings, name) for name in names} | {
            "names": parameters.names,
            "base": dict(parameters.base),
            "R0_kpc": parameters.R0_kpc,
            "options": [parameters.second_amplitude, parameters.cut_offs, dict(parameters.constants)],
        }
        text = json.dumps(record, sort_keys=True, default=float)
        arrays = (self.plane.R_kpc, self.plane.Phi_km2_s2, self.nodes.R_kpc, self.nodes.phi_deg)
        return hashlib.sha256(text.encode("utf-8") + b"".join(a.tobytes() for a in arrays)).hexdigest()


class Evaluations:
    """Results of models, kept in a file so that a run that was killed goes on where it was.

    Parameters
    ----------
    path : Path
        The file; None keeps nothing.
    digest : str
        Of what the results depend on: results of anything else are not taken.
    """

    def __init__(self, path: Path | None, digest: str) -> None:
        self.path, self.digest = path, digest
        self.arrays: dict[str, Array] = {}
        if path is not None and path.exists():
            with np.load(path) as kept:
                if str(kept["digest"]) == digest:
                    self.arrays = {name: kept[name] for name in kept.files if name != "digest"}

    def save(self) -> None:
        """Write the file, whole or not at all."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.partial.npz")
        np.savez(temporary, digest=self.digest, **self.arrays)
        temporary.replace(self.path)

    def complete(
        self,
        name: str,
        vectors: Array,
        evaluate: Callable[[Array], Array],
        log: Callable[[str], Any] = lambda _: None,
    ) -> Array:
        """Return `evaluate` of each vector, shape (m, k); what is in the file under `name` for the same vectors is taken from there."""
        key = f"{name}:vectors"
        same = key in self.arrays and np.array_equal(self.arrays[key], vectors)
        results = self.arrays[name].copy() if same else np.empty((len(vectors), 0))
        for i, vector in enumerate(vectors):
            if results.shape[1] and np.isfinite(results[i]).all():
                continue
            values = evaluate(vector)
            if not results.shape[1]:
                results = np.full((len(vectors), values.size), np.nan)
            results[i] = values
            if (i + 1) % SAVE_EVERY == 0 or i + 1 == len(vectors):
                self.arrays |= {key: vectors, name: results}
                self.save()
                log(f"{name}: {i + 1:,} of {len(vectors):,} models")
        return results

    def keep(self, name: str, make: Callable[[], dict[str, Array]]) -> dict[str, Array]:
        """Return what `make` gives, from the file where it has been made before."""
        prefix = f"{name}:"
        known = {key.removeprefix(prefix): values for key, values in self.arrays.items() if key.startswith(prefix)}
        if not known:
            known = {key: np.asarray(values) for key, values in make().items()}
            self.arrays |= {f"{prefix}{key}": values for key, values in known.items()}
            self.save()
        return known

    def remove(self) -> None:
        """Remove the file: its results are in a product now."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
