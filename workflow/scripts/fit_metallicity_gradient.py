"""Gradients of metallicity in radius or height, with errors in both coordinates (rule ``fit_metallicity_gradient``)."""

import logging
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError, nearest
from discatlas.files import write_json
from discatlas.gradients import LIKELIHOODS, MODELS
from discatlas.gradients.fit import describe, fit_bin
from discatlas.gradients.sampling import SamplerSettings
from discatlas.gradients.stars import GradientStars, read_gradient_stars
from discatlas.runtime import script_log, use_threads
from discatlas.streams import stream_generator
from discatlas.tables import read_provenance, write_table

log = logging.getLogger(__name__)
ON_UNCONVERGED = ("fail", "report")
LEAST = 20  # stars of a bin that any fit needs


def run(
    *,
    stars: Path,
    membership: Path | None,
    gradient: Path,
    chains: Path,
    summary: Path,
    quantity: str,
    x: str,
    bin_by: str,
    edges_kpc: list[float],
    selection: str | None,
    min_stars: int,
    likelihood: str,
    models: list[str],
    moves: str,
    n_walkers: int,
    n_burn: int,
    n_steps: int,
    max_steps: int,
    max_r_hat: float,
    min_effective: float,
    on_unconverged: str,
    seed: int,
    threads: int,
) -> None:
    """Write the gradients of each bin and model, their thinned chains, and a summary with the counts (JSON).

    With `membership` only its stars of the disc enter. Stars, coordinates and `selection` are those of
    `discatlas.gradients.stars.read_gradient_stars`, models and likelihoods those of `discatlas.gradients.likelihood`,
    the chains' settings those of `discatlas.gradients.sampling.SamplerSettings`. A bin of fewer than `min_stars` stars is
    a row without values. Chains that have not converged stop the rule with their numbers (`on_unconverged` fail) or are
    marked in the table (report).

    Raises
    ------
    DiscatlasError
        For bad settings, bad or missing errors, a bin with one metallicity only, no bin of `min_stars` stars, and, with
        `on_unconverged` fail, chains that have not converged.
    """
    use_threads(threads)
    settings = SamplerSettings(moves, n_walkers, n_burn, n_steps, max_steps, max_r_hat, min_effective)
    _check(settings, edges_kpc, min_stars, likelihood, models, on_unconverged)
    chosen = read_gradient_stars(stars, membership, quantity, x, bin_by, selection)
    fit = _Fit(models, likelihood, settings, min_stars, (seed, stars.stem, gradient.stem))
    try:
        rows, parts = fit.bins(chosen, edges_kpc)
        _require_fits(rows, min_stars, on_unconverged)
    except DiscatlasError as error:
        raise DiscatlasError(f"{stars}: {error}") from None
    about = {"quantity": quantity, "x": x, "bin_by": bin_by, "edges_kpc": list(edges_kpc), "selection": selection}
    about |= {"halo_cut": membership is not None, "min_stars": min_stars, "likelihood": likelihood}
    about |= {"sampler": vars(settings), "n_stars": chosen.counts}
    _write(gradient, chains, summary, rows, parts, about | {"seed": seed}, read_provenance(stars))
    _warn(rows)
    n_fitted = len({row["bin"] for row in rows if row["status"] == "fitted"})
    log.info(f"{gradient}: {n_fitted} of {len(edges_kpc) - 1} bins, {chosen.counts['complete']:,} stars, {likelihood}")


@dataclass(frozen=True)
class _Fit:
    """What is fitted to each bin (see `run`), and the names of the random streams."""

    models: list[str]
    likelihood: str
    settings: SamplerSettings
    min_stars: int
    stream: tuple[int, str, str]

    def bins(
        self, stars: GradientStars, edges: list[float]
    ) -> tuple[list[dict[str, Any]], list[dict[str, np.ndarray]]]:
        """Return the rows of the table, and the chains of each fit."""
        rows, parts = [], []
        for k, (low, high) in enumerate(pairwise(edges)):
            inside = stars.in_bin(low, high)
            bin_ = {"bin": k, "bin_low_kpc": low, "bin_high_kpc": high}
            if inside.x.size < self.min_stars:
                few = bin_ | describe(inside) | {"status": "too_few_stars", "best": False}
                rows += [few | {"model": model} for model in self.models]
                continue
            try:
                found = [self.model(inside, k, model) for model in self.models]
            except DiscatlasError as error:
                raise DiscatlasError(f"bin {low:g}-{high:g} kpc: {error}") from None
            least = min(row["bic"] for row, _ in found)
            rows += [bin_ | row | {"best": bool(row["bic"] == least)} for row, _ in found]
            parts += [columns for _, columns in found]
        return rows, parts

    def model(self, stars: GradientStars, k: int, model: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the row and the chains of one fit."""
        seed, *names = self.stream
        rng = stream_generator(seed, "fit_metallicity_gradient", *names, str(k), model)
        row, columns = fit_bin(stars, model, self.likelihood, self.settings, rng)
        size = columns["step"].size
        return row, {"bin": np.full(size, k), "model": np.full(size, model, dtype=object)} | columns


def _write(
    gradient: Path,
    chains: Path,
    summary: Path,
    rows: list[dict[str, Any]],
    parts: list[dict[str, np.ndarray]],
    about: dict[str, Any],
    phase_space: dict[str, Any],
) -> None:
    provenance = about | {"phase_space": phase_space}
    table, chain = load_contract("metallicity_gradient"), load_contract("metallicity_gradient_chains")
    columns = {name: [_plain(row.get(name)) for row in rows] for name in table.names}
    write_table(gradient, table, columns, provenance)
    write_table(
        chains, chain, {name: np.concatenate([part[name] for part in parts]) for name in chain.names}, provenance
    )
    fits = [{name: columns[name][k] for name in table.names} for k in range(len(rows))]
    moments = [{key: _plain(value) for key, value in row.items()} for row in _moments(rows)]
    write_json(summary, about | {"fits": fits, "slopes_by_moments": moments})


def _moments(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the slopes of each bin by all estimators without a likelihood, so that what they assume can be seen."""
    found = {row["bin"]: row["moments"] for row in rows if row["status"] == "fitted"}
    return [{"bin": k} | moments for k, moments in found.items()]


def _check(
    settings: SamplerSettings,
    edges: list[float],
    min_stars: int,
    likelihood: str,
    models: list[str],
    on_unconverged: str,
) -> None:
    """Complain of settings before the stars are read."""
    for key, value, known in (
        ("likelihood", likelihood, LIKELIHOODS),
        ("on_unconverged", on_unconverged, ON_UNCONVERGED),
        *(("model", model, tuple(MODELS)) for model in models),
    ):
        if value not in known:
            raise DiscatlasError(
                f"gradient: {key} {value!r} is unknown{nearest(value, known)}; expected one of {', '.join(known)}"
            )
    if len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise DiscatlasError(f"edges_kpc: got {list(edges)}, expected two or more that grow")
    if min_stars < LEAST:
        raise DiscatlasError(f"min_stars is {min_stars}, expected {LEAST} or more: errors of a fit need that many")
    settings.check(models)


def _require_fits(rows: list[dict[str, Any]], min_stars: int, on_unconverged: str) -> None:
    """Complain where no bin was fitted, and of chains that have not converged where they are to fail."""
    fitted = [row for row in rows if row["status"] == "fitted"]
    if not fitted:
        largest = max(row["n_stars"] for row in rows)
        raise DiscatlasError(
            f"no bin has min_stars = {min_stars} stars (the fullest has {largest:,}); take wider bins in "
            "edges_kpc, or a smaller min_stars"
        )
    bad = [row for row in fitted if not row["converged"]]
    for row in bad:
        log.warning(_numbers(row))
    if bad and on_unconverged == "fail":
        raise DiscatlasError(
            f"{len(bad)} of {len(fitted)} fits have not converged, first {_numbers(bad[0])}; raise max_steps, "
            "or set on_unconverged to report"
        )


def _warn(rows: list[dict[str, Any]]) -> None:
    """Log fits that run into the priors, and slopes that the stars' moments do not bear out."""
    for row in rows:
        where = f"bin {row['bin_low_kpc']:g}-{row['bin_high_kpc']:g} kpc, {row['model']}"
        if row.get("at_limit"):
            log.warning(f"{where}: the most likely line lies outside the priors of discatlas.gradients.likelihood")
        for name in ("hogg2010", "kelly2007") if row.get("second_slope_dex_per_kpc") is not None else ():
            slope, second = row["slope_dex_per_kpc"], row["moments"][f"{name}_slope_dex_per_kpc"]
            error = max(row["slope_error_dex_per_kpc"], row["moments"][f"{name}_slope_error_dex_per_kpc"])
            if abs(slope - second) > 2.0 * error:
                log.warning(
                    f"{where}: slope {slope:.4f} +- {row['slope_error_dex_per_kpc']:.4f}, by moments as of {name} "
                    f"{second:.4f}: the likelihood's assumption on x decides, see discatlas.gradients.likelihood"
                )


def _numbers(row: dict[str, Any]) -> str:
    return (
        f"bin {row['bin_low_kpc']:g}-{row['bin_high_kpc']:g} kpc, {row['model']}: R-hat {row['r_hat']:.4f}, effective size "
        f"{row['n_effective']:.0f}, autocorrelation {row['autocorrelation_steps']:.1f} of {row['n_steps']:,} steps, "
        f"acceptance {row['acceptance']:.2f}"
    )


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return None for what is missing or NaN."""
    return None if value is None or (isinstance(value, float) and np.isnan(value)) else value


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            stars=Path(snakemake.input.stars),
            membership=Path(str(snakemake.input.membership)) if snakemake.input.get("membership") else None,
            gradient=Path(snakemake.output.gradient),
            chains=Path(snakemake.output.chains),
            summary=Path(snakemake.output.summary),
            quantity=snakemake.params.quantity,
            x=snakemake.params.x,
            bin_by=snakemake.params.bin_by,
            edges_kpc=snakemake.params.edges_kpc,
            selection=snakemake.params.selection,
            min_stars=snakemake.params.min_stars,
            likelihood=snakemake.params.likelihood,
            models=snakemake.params.models,
            moves=snakemake.params.moves,
            n_walkers=snakemake.params.n_walkers,
            n_burn=snakemake.params.n_burn,
            n_steps=snakemake.params.n_steps,
            max_steps=snakemake.params.max_steps,
            max_r_hat=snakemake.params.max_r_hat,
            min_effective=snakemake.params.min_effective,
            on_unconverged=snakemake.params.on_unconverged,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
