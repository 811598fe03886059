"""What the tests of the surveys share: one chunk observed, its truth on the sky, and pulls of unit variance."""

import numpy as np
from made_particles import make_particles

from discatlas.frames import Sun, observe
from discatlas.simulation.surveys.extinction import DustDisc
from discatlas.simulation.surveys.observe import observe_survey, survey_parameters

SUN = Sun(8.122, 0.0208, (12.9, 245.6, 7.78), "astropy v4.0")
DUST = DustDisc()


def survey(kind, n=40_000, seed=7, particles=None, **options):
    """Tables of one chunk of hand-made particles."""
    particles = make_particles(n) if particles is None else particles
    kind, parameters = survey_parameters({"kind": kind} | options)
    return observe_survey(kind, parameters, particles, SUN, DUST, seed, kind, int(particles["particle"][0]))


def true_sky(truth):
    """True observables of a truth table, from its positions and velocities."""
    position = np.stack([truth[f"{axis}_kpc"] for axis in "XYZ"])
    return observe(position, np.stack([truth[f"v_{axis}_kms"] for axis in "XYZ"]), SUN)


def assert_unit(pull):
    """Pulls of mean 0 and variance 1 within four standard errors; missing ones do not count."""
    pull = pull[np.isfinite(pull)]
    assert pull.size > 300
    assert abs(pull.mean()) < 4 / np.sqrt(pull.size)
    assert abs(pull.var() - 1) < 4 * np.sqrt(2 / pull.size)


def assert_pulls(raw, pairs):
    """Check that each (value, error, truth) of `pairs` is off by what the error states; columns of `raw` by name."""
    for value, error, truth in pairs:
        assert_unit((raw[value] - truth) / raw[error])
