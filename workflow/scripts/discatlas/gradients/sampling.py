"""Chains of a gradient by emcee, repeatable from one random stream, and the numbers that tell whether they have converged."""

from dataclasses import dataclass

import emcee
import numpy as np
from emcee.autocorr import integrated_time
from numpy.typing import NDArray
from scipy.special import logsumexp

from discatlas.errors import DiscatlasError, nearest
from discatlas.gradients import MODELS
from discatlas.gradients.likelihood import Line, Maximum

Array = NDArray[np.float64]
DEGREES = 5.0  # of freedom of Student's t


@dataclass(frozen=True)
class SamplerSettings:
    """How chains move, how long they are, and when they count as converged.

    `moves` is ``stretch``, emcee's affine-invariant move (Goodman & Weare 2010) as in the paper, or ``mixture``: proposals
    from `Mixture`, wherever a walker is, and differences of walkers (ter Braak 2006), with shares of 0.6 and 0.4. The same
    posterior takes 10 to 80 times fewer steps, most of all that of a break.

    `n_steps` steps of `n_walkers` walkers are kept after `n_burn`. Chains that miss a limit go on, `n_steps` at a time,
    up to `max_steps`; of longer ones the first quarter is left out as well.
    """

    moves: str
    n_walkers: int
    n_burn: int
    n_steps: int
    max_steps: int
    max_r_hat: float
    min_effective: float

    def check(self, models: list[str]) -> None:
        """Raise a DiscatlasError for moves that are not known and numbers that no ensemble can have."""
        if self.moves not in MOVES:
            raise DiscatlasError(
                f"moves {self.moves!r} are unknown{nearest(self.moves, MOVES)}; expected one of {', '.join(MOVES)}"
            )
        for model in models:
            least = 2 * len(MODELS[model])
            if self.n_walkers < least or self.n_walkers % 2:
                raise DiscatlasError(
                    f"n_walkers is {self.n_walkers}, expected an even number of {least} or more for model {model!r}"
                )
        if not 4 <= self.n_steps <= self.max_steps or self.n_burn < 0:
            raise DiscatlasError(
                f"got n_burn {self.n_burn}, n_steps {self.n_steps}, max_steps {self.max_steps}; expected n_burn of 0 or "
                "more and 4 <= n_steps <= max_steps"
            )


@dataclass(frozen=True)
class Chains:
    """Steps that count, shape (n_steps, n_walkers, p), their ln posterior (n_steps, n_walkers), and the diagnostics."""

    theta: Array
    log_probability: Array
    autocorrelation: float
    n_effective: float
    r_hat: float
    acceptance: float
    converged: bool

    @property
    def flat(self) -> Array:
        """All samples, shape (n_steps * n_walkers, p)."""
        return self.theta.reshape(-1, self.theta.shape[2])

    def thinned(self, max_rows: int) -> tuple[NDArray[np.int64], Array, Array]:
        """Return every k-th step so that at most `max_rows` samples remain: the steps' numbers, theta, ln posterior."""
        n_steps, n_walkers, _ = self.theta.shape
        every = max(1, -(-n_steps * n_walkers // max_rows))
        steps = np.arange(every - 1, n_steps, every)
        return steps, self.theta[steps], self.log_probability[steps]


def sample_line(line: Line, starts: list[Maximum], settings: SamplerSettings, rng: np.random.Generator) -> Chains:
    """Sample the posterior of a line with emcee.

    The walkers start from `Mixture`. emcee has a legacy generator of numpy, which is seeded from `rng`: the chains depend
    on nothing else.
    """
    mixture = Mixture(line, starts)
    random = np.random.RandomState(rng.integers(2**32, dtype=np.uint64).astype(np.uint32))
    start = _inside(mixture.draw(settings.n_walkers, random), line.limits, random)
    state = emcee.State(start, random_state=random.get_state())
    sampler = emcee.EnsembleSampler(
        settings.n_walkers,
        line.n_parameters,
        line.log_posterior,
        vectorize=True,
        moves=MOVES[settings.moves](mixture),
    )
    if settings.n_burn:
        state = sampler.run_mcmc(state, settings.n_burn, skip_initial_state_check=True, store=False)
    while True:
        state = sampler.run_mcmc(state, settings.n_steps, skip_initial_state_check=True)
        n_done = sampler.iteration
        skip = n_done // 4 if n_done > settings.n_steps else 0
        theta, log_probability = sampler.get_chain(discard=skip), sampler.get_log_prob(discard=skip)
        tau = autocorrelation_steps(theta)
        n_effective, r_hat = theta.shape[0] * theta.shape[1] / tau, split_r_hat(theta)
        converged = bool(r_hat <= settings.max_r_hat and n_effective >= settings.min_effective)
        if converged or n_done + settings.n_steps > settings.max_steps:
            acceptance = float(np.mean(sampler.acceptance_fraction))
            return Chains(theta, log_probability, tau, n_effective, r_hat, acceptance, converged)


def _inside(theta: Array, limits: Array, random: np.random.RandomState) -> Array:
    """Return points with the coordinates that lie outside the priors moved to a place just inside of each limit."""
    depth = 0.02 * np.ptp(limits, axis=1) * random.uniform(size=theta.shape)
    low, high = limits.T
    theta = np.where(theta < low, low + depth, theta)
    return np.where(theta > high, high - depth, theta)


class Mixture:
    """What the maxima say of the posterior: Student's t about each, with its covariance and its evidence as weight.

    The broken line has one of them for each break of a grid, and is even in the break between the grid's points.
    """

    def __init__(self, line: Line, parts: list[Maximum]) -> None:
        names = MODELS[line.model]
        self.edge = names.index("break") if "break" in names else -1
        rest = np.array([k for k, name in enumerate(names) if name != "break"])
        self.rest, self.centres = rest, np.array([part.theta for part in parts])
        self.cell = np.ptp(line.limits[self.edge]) / len(parts) if "break" in names else 1.0
        self.roots = np.array([np.linalg.cholesky(part.covariance[np.ix_(rest, rest)]) for part in parts])
        self.inverses = np.linalg.inv(self.roots)
        logs = np.array([part.log_evidence for part in parts])
        if not np.isfinite(logs).all():  # somewhere the scatter is not a peak
            volumes = np.log(np.abs(np.diagonal(self.roots, axis1=1, axis2=2))).sum(axis=1)
            logs = np.array([part.log_likelihood for part in parts]) + volumes
        self.weights = np.exp(logs - logs.max())
        self.weights /= self.weights.sum()

    def draw(self, n: int, random: np.random.RandomState) -> Array:
        """Draw n points, shape (n, p)."""
        part = random.choice(len(self.weights), n, p=self.weights)
        normal = random.standard_normal((n, self.rest.size))
        stretch = np.sqrt(DEGREES / random.chisquare(DEGREES, n))
        theta = self.centres[part]
        theta[:, self.rest] += stretch[:, None] * np.einsum("kij,kj->ki", self.roots[part], normal)
        if self.edge >= 0:
            theta[:, self.edge] += self.cell * random.uniform(-0.5, 0.5, n)
        return theta

    def log_density(self, theta: Array) -> Array:
        """Return the ln density at points (n, p), shape (n,), without a constant."""
        d = self.rest.size
        with np.errstate(divide="ignore"):
            logs = np.log(self.weights) - np.log(np.abs(np.diagonal(self.roots, axis1=1, axis2=2))).sum(axis=1)
        off = theta[:, None, self.rest] - self.centres[None, :, self.rest]
        squares = (np.einsum("kij,nkj->nki", self.inverses, off) ** 2).sum(axis=2)
        terms = logs - 0.5 * (DEGREES + d) * np.log1p(squares / DEGREES)
        if self.edge < 0:
            return logsumexp(terms, axis=1)
        inside = np.abs(theta[:, None, self.edge] - self.centres[None, :, self.edge]) <= 0.5 * self.cell
        with np.errstate(divide="ignore"):
            return logsumexp(np.where(inside, terms, -np.inf), axis=1)

    def propose(self, theta: Array, random: np.random.RandomState) -> tuple[Array, Array]:
        """Propose new points for all walkers wherever they are, with the ln ratio of the densities (Metropolis-Hastings)."""
        new = self.draw(len(theta), random)
        return new, self.log_density(theta) - self.log_density(new)


MOVES = {
    "stretch": lambda _: None,
    "mixture": lambda mixture: [(emcee.moves.MHMove(mixture.propose), 0.6), (emcee.moves.DEMove(), 0.4)],
}


def autocorrelation_steps(theta: Array) -> float:
    """Return the longest integrated autocorrelation time of the parameters [steps] (Goodman & Weare 2010; as in emcee)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        times = integrated_time(theta, tol=0, quiet=True)
    return float(np.max(np.where(np.isfinite(times), np.maximum(times, 1.0), theta.shape[0])))


def split_r_hat(theta: Array) -> float:
    """Return the largest split R-hat of the parameters (Gelman et al. 2013, BDA3, Sect. 11.4), walkers being chains.

    Each walker gives two chains, its halves. The walkers of an ensemble are not independent chains but start apart: for
    long chains R-hat - 1 is about the autocorrelation time over the number of steps.
    """
    half = theta.shape[0] // 2
    chains = np.concatenate([theta[:half], theta[-half:]], axis=1)
    within = chains.var(axis=0, ddof=1).mean(axis=0)
    between = half * chains.mean(axis=0).var(axis=0, ddof=1)
    if not (within > 0).all():
        return np.inf
    return float(np.sqrt((half - 1) / half + between / within / half).max())
