"""From particles to what a survey delivers for them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from discatlas.errors import DiscatlasError, nearest
from discatlas.frames import Sun
from discatlas.simulation.surveys import apogee, gaia_rvs, lamost_hot, sdssv_ob
from discatlas.simulation.surveys.extinction import DustDisc
from discatlas.simulation.surveys.parameters import Parameters
from discatlas.simulation.surveys.stars import PARTICLE_COLUMNS, place_stars, share_deviates
from discatlas.simulation.surveys.tables import SurveyTables
from discatlas.streams import stream_generator
from discatlas.tables import read_batches

CHUNK_PARTICLES = 100_000  # each chunk has streams of its own: another number is another realisation
KINDS: dict[str, ModuleType] = {
    "gaia_rvs": gaia_rvs,
    "apogee": apogee,
    "lamost_hot": lamost_hot,
    "sdssv_ob": sdssv_ob,
}
WITH_VISITS = ("sdssv_ob",)


def survey_parameters(config: Mapping[str, Any]) -> tuple[str, Parameters]:
    """Return the kind of a survey and its parameters from a config entry; an unknown kind or key is an error."""
    kind = config.get("kind")
    if kind not in KINDS:
        raise DiscatlasError(
            f"survey: kind {kind!r} is unknown{nearest(str(kind), KINDS)}; expected one of {', '.join(KINDS)}"
        )
    return kind, KINDS[kind].Settings.from_config(config)


def observe_survey(
    kind: str,
    parameters: Parameters,
    particles: Mapping[str, NDArray],
    sun: Sun,
    extinction: DustDisc,
    seed: int,
    catalogue: str,
    chunk: int,
) -> SurveyTables:
    """Return what a survey delivers for one chunk of particles.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    parameters : Parameters
        The ``Settings`` of that kind, as `survey_parameters` builds them.
    particles : mapping of array, shape (n,)
        Columns `stars.PARTICLE_COLUMNS` of contract ``galaxy``.
    sun : Sun
        Place and motion of the observer.
    extinction : DustDisc
        The dust on the way.
    seed, catalogue, chunk
        Name the stream of random numbers; ``chunk`` is the number of its first particle. The deviates of Gaia's and of
        2MASS's measurements depend on seed and chunk alone, so they agree between catalogues.

    Returns
    -------
    SurveyTables
        Rows in the order of the particles, those of stars listed again at the end.
    """
    stars = share_deviates(place_stars(particles, sun, extinction), seed, chunk)
    rng = stream_generator(seed, "simulate_survey", catalogue, str(chunk))
    return KINDS[kind].observe(stars, parameters, rng)


def observe_galaxy(
    galaxy: Path, survey: Mapping[str, Any], sun: Sun, extinction: DustDisc, seed: int, catalogue: str
) -> Iterator[SurveyTables]:
    """Yield what a survey delivers for a table of particles, chunk by chunk in file order; see `observe_survey`."""
    kind, parameters = survey_parameters(survey)
    for particles in read_batches(galaxy, PARTICLE_COLUMNS, CHUNK_PARTICLES):
        first = int(particles["particle"][0])
        yield observe_survey(kind, parameters, particles, sun, extinction, seed, catalogue, first)


def add_passed(total: dict[str, int], passed: Mapping[str, int]) -> None:
    """Add the counts of one chunk to those of all."""
    for name, count in passed.items():
        total[name] = total.get(name, 0) + count


def require_stars(passed: Mapping[str, int], catalogue: str) -> None:
    """Raise a DiscatlasError that names the limit which left no star."""
    before = 0
    for name, count in passed.items():
        if count == 0:
            raise DiscatlasError(
                f"survey of catalogue {catalogue!r}: none of {before:,} stars passes the limit {name}; widen it in the "
                "config, or simulate more stars"
                if before
                else f"survey of catalogue {catalogue!r}: the table of particles holds no rows"
            )
        before = count
