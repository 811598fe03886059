"""The likelihood of a line through stars with errors in both coordinates and intrinsic scatter, and its maximum.

With v = (-m, 1) and S_i the covariance of the errors of (x, y), a star deviates by d_i = y_i - f(x_i) with the variance
V_i = v^T S_i v + scatter^2, and ln L = -1/2 sum [ln(2 pi V_i) + d_i^2 / V_i] (Hogg, Bovy & Lang 2010, arXiv:1008.4686,
Sect. 7, in the form of Hawkins 2023, Eq. 4, whose printed d^2 and sign of b are misprints). Where the line bends, m is
its slope at the measured x: the errors of x have to be small against the scale of the bend.

============  ==============================================================================================
hogg2010      as above. The mean true x of stars with one measured x is that x: right for stars chosen by their
              measured x out of many that are evenly spread, and for distances that are posterior means or medians;
              with errors as of an inverse parallax too flat by the share of the errors in the variance of x.
              Scatter along y and scatter across a straight line (lambda sqrt(1 + m^2) = scatter) are the same.
robotham2015  adds 1/2 sum ln(1 + m^2) (Robotham & Obreschkow 2015, PASA 32, e033): stars are evenly spread per
              length along the line. Right for a population that scatters across the line, whatever its extent,
              with errors that are small or alike in x and y. Depends on the units of x and y: of a scatter in
              [Fe/H] at a given place it makes too steep a line, which in |Z|, whose spread in kpc is no more than
              that scatter in dex, has nothing to do with the gradient.
kelly2007     true x of stars with like errors is Gaussian, with the mean and variance of these stars' less the errors'
              (after Kelly 2007, ApJ 665, 1489): each x is moved toward the mean by its share of error and its
              covariance shrunk, and hogg2010 follows. Right for scatter along y and samples that end in x.
============  ==============================================================================================
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, logsumexp

from discatlas.errors import DiscatlasError, nearest
from discatlas.gradients import LIKELIHOODS, MODELS
from discatlas.gradients.kernels import log_likelihoods

Array = NDArray[np.float64]
LIMITS = {"slope": (-2.0, 2.0), "outer_slope": (-2.0, 2.0), "value": (-10.0, 10.0), "curvature": (-4.0, 4.0)}
LIMITS |= {"scatter": (0.0, 5.0)}  # of the flat priors, in dex and kpc; the paper gives those of the slope
BREAK_PERCENTILES = (5.0, 95.0)  # of x: the flat prior of the break
GROUP, MAX_GROUPS = 100, 40  # stars of like errors
N_BREAKS = 32  # breaks at which the broken line is maximised
STEP = 0.1  # of the differences, in standard errors
ORDER = ("slope", "value", "break", "outer_slope", "curvature", "scatter")  # of the kernel's parameters


@dataclass(frozen=True)
class Line:
    """A model with the stars that it is fitted to: `stars` as in `kernels.log_likelihoods`, u = x - `pivot`."""

    model: str
    likelihood: str
    stars: Array
    pivot: float
    limits: Array  # of the flat priors, shape (p, 2), in the order of the model's parameters

    @property
    def n_parameters(self) -> int:
        """The number of parameters."""
        return len(MODELS[self.model])

    def log_likelihood(self, theta: Array) -> Array:
        """Return ln L of sets of parameters, shape (k, p) to (k,); the sign of the scatter does not count."""
        full = np.zeros((len(theta), len(ORDER)))
        full[:, ORDER.index("break")] = np.inf
        for k, name in enumerate(MODELS[self.model]):
            full[:, ORDER.index(name)] = theta[:, k]
        return log_likelihoods(self.stars, full, self.likelihood == "robotham2015")

    def log_posterior(self, theta: Array) -> Array:
        """Return ln L where the flat priors allow, and minus infinity elsewhere; shape (k, p) to (k,)."""
        inside = ((theta >= self.limits[:, 0]) & (theta <= self.limits[:, 1])).all(axis=1)
        result = np.full(len(theta), -np.inf)
        if inside.any():
            result[inside] = self.log_likelihood(theta[inside])
        return result


def make_line(model: str, likelihood: str, x: Array, y: Array, V_xx: Array, V_xy: Array, V_yy: Array) -> Line:
    """Return the problem of a model (`discatlas.gradients.MODELS`) and a likelihood (see above) for some stars.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Coordinate [kpc] and metallicity [dex] of the stars.
    V_xx, V_xy, V_yy : ndarray, shape (n,)
        Variances and covariance of their errors [kpc^2, kpc dex, dex^2].

    Raises
    ------
    DiscatlasError
        For an unknown model or likelihood, stars that all have one x or one metallicity, and, for kelly2007, errors
        that account for all of the variance of x.
    """
    for kind, name, known in (("model", model, MODELS), ("likelihood", likelihood, LIKELIHOODS)):
        if name not in known:
            raise DiscatlasError(
                f"gradient: {kind} {name!r} is unknown{nearest(name, known)}; expected one of {', '.join(known)}"
            )
    for what, values in (("x", x), ("metallicity", y)):
        if np.ptp(values) == 0.0:
            raise DiscatlasError(f"all {values.size:,} stars have one {what}, {values[0]:g}: no gradient follows")
    pivot, ends = float(x.mean()), np.percentile(x, BREAK_PERCENTILES)
    if likelihood == "kelly2007":
        x, y, V_xx, V_xy, V_yy = shrink(x, y, V_xx, V_xy, V_yy)
    limits = [tuple(ends - pivot) if name == "break" else LIMITS[name] for name in MODELS[model]]
    return Line(model, likelihood, np.stack([x - pivot, y, V_xx, V_xy, V_yy]), pivot, np.array(limits))


def shrink(x: Array, y: Array, V_xx: Array, V_xy: Array, V_yy: Array) -> tuple[Array, ...]:
    """Return x, y and the covariance of their errors given the measured x, for Gaussian distributions of true x.

    The errors of positions grow with the distance from the Sun, so they say where a star may be: the stars are sorted by
    V_xx into groups (`GROUP` stars or more, at most `MAX_GROUPS`), each with a Gaussian of its own. Its mean and
    variance t are those of its stars, by moments. Of x remains the mean of its posterior, with variance
    t V_xx / (t + V_xx), and y loses what its error shares with that of x.
    """
    mean, t = np.empty_like(x), np.empty_like(x)
    for rows in np.array_split(np.argsort(V_xx, kind="stable"), max(1, min(MAX_GROUPS, x.size // GROUP))):
        mean[rows], t[rows] = x[rows].mean(), np.var(x[rows], ddof=1) - np.mean(V_xx[rows])
    if not (t > 0.0).all():
        worst = np.argmin(t)
        raise DiscatlasError(
            f"errors of x of {np.sqrt(V_xx[worst]):.3g} kpc are larger than the spread of the stars that have them: "
            "likelihood kelly2007 cannot tell these stars apart; take wider bins, or stars with smaller errors"
        )
    off, total = x - mean, t + V_xx
    return (
        x - off * V_xx / total,
        y - off * V_xy / total,
        t * V_xx / total,
        t * V_xy / total,
        V_yy - V_xy**2 / total,
    )


@dataclass(frozen=True)
class Maximum:
    """A maximum of ln L: the parameters (p,), ln L, the covariance (p, p), and Laplace's ln evidence or NaN."""

    theta: Array
    log_likelihood: float
    covariance: Array
    log_evidence: float


def maximise(line: Line, edge: float | None = None) -> Maximum:
    """Return the maximum of ln L, by Newton's method from the least-squares line; for a broken line at a given break.

    Differences are taken in units of the standard errors of least squares. Where ln L is not a peak (a scatter that the
    errors explain away is its common case) steps are kept finite, and the evidence is NaN.
    """
    theta, scale, free = _least_squares(line, edge)
    p, rows = int(free.sum()), np.flatnonzero(free)

    def log_likelihood(z: Array) -> Array:
        points = np.tile(theta, (len(z), 1))
        points[:, rows] += z * scale[rows]
        return line.log_likelihood(points)

    z, top = np.zeros(p), float(log_likelihood(np.zeros((1, p)))[0])
    for _ in range(60):
        gradient, hessian = _differences(log_likelihood, z, top)
        values, vectors = np.linalg.eigh(hessian)
        step = vectors @ ((vectors.T @ gradient) / np.maximum(-values, 0.05))
        step *= min(1.0, 3.0 / max(np.linalg.norm(step), 1e-300))
        trials = z + step * 0.5 ** np.arange(6)[:, None]
        found = log_likelihood(trials)
        best = int(found.argmax())
        if not found[best] > top:
            break
        z, gain, top = trials[best], found[best] - top, float(found[best])
        if gain < 1e-9 * max(1.0, abs(top)) and np.linalg.norm(step) < 1e-3:
            break
    _, hessian = _differences(log_likelihood, z, top)
    values, vectors = np.linalg.eigh(hessian)
    inner = (vectors / np.maximum(-values, 0.05)) @ vectors.T
    covariance = np.zeros((theta.size, theta.size))
    covariance[np.ix_(rows, rows)] = inner * np.outer(scale[rows], scale[rows])
    theta = theta.copy()
    theta[rows] += z * scale[rows]
    theta[-1] = abs(theta[-1])  # the scatter stands last in every model
    evidence = np.nan
    if values.max() < -0.05:
        widths = np.diff(line.limits[rows], axis=1)
        evidence = top + 0.5 * (p * np.log(2.0 * np.pi) - np.log(-values).sum()) + np.log(scale[rows]).sum()
        evidence += log_ndtr(theta[-1] / np.sqrt(covariance[-1, -1])) - np.log(widths).sum()
    return Maximum(theta, top, covariance, float(evidence))


def _least_squares(line: Line, edge: float | None) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return parameters by least squares, the scales of their errors, and which of them are free."""
    u, y = line.stars[:2]
    names, ones = MODELS[line.model], np.ones_like(u)
    design = {
        "linear": lambda: (u, ones),
        "broken": lambda: (np.minimum(u, edge), ones, np.maximum(u - edge, 0.0)),
        "quadratic": lambda: (u, ones, 0.5 * u * u),
    }[line.model]()
    design = np.stack(design, axis=1)
    normal = np.linalg.pinv(design.T @ design)
    coefficients = normal @ (design.T @ y)
    variance = float(np.mean((y - design @ coefficients) ** 2))
    m = coefficients[0]
    noise = float(np.mean(line.stars[4] - 2.0 * m * line.stars[3] + m * m * line.stars[2]))
    scatter = np.sqrt(max(variance - noise, 0.01 * variance))
    spread = variance * np.sqrt(2.0 / u.size)  # of the variance
    scatter_scale = min(spread / (2.0 * scatter), np.sqrt(spread))
    errors = np.sqrt(np.maximum(variance * np.diag(normal), 1e-300))
    known = dict(zip([name for name in names if name not in ("break", "scatter")], coefficients, strict=True))
    scales = dict(zip(known, errors, strict=True)) | {"scatter": scatter_scale, "break": 0.0}
    known |= {"scatter": scatter} | ({} if edge is None else {"break": edge})
    free = np.array([name != "break" for name in names])
    return np.array([known[name] for name in names]), np.array([scales[name] for name in names]), free


def _differences(function: object, z: Array, top: float) -> tuple[Array, Array]:
    """Return gradient and Hessian of a function of points (k, p) by central differences of `STEP`."""
    p, steps = z.size, STEP * np.eye(z.size)
    pairs = [(i, j) for i in range(p) for j in range(i)]
    points = [z + steps, z - steps, *([z + steps[i] + steps[j], z - steps[i] - steps[j]] for i, j in pairs)]
    values = function(np.concatenate([np.atleast_2d(part) for part in points]))
    up, down, both = values[:p], values[p : 2 * p], values[2 * p :].reshape(-1, 2)
    hessian = np.diag((up + down - 2.0 * top) / STEP**2)
    for (i, j), (plus, minus) in zip(pairs, both, strict=True):
        sides = up[i] + down[i] + up[j] + down[j]
        hessian[i, j] = hessian[j, i] = (plus + minus - sides + 2.0 * top) / (2.0 * STEP**2)
    return (up - down) / (2.0 * STEP), hessian


def maxima(line: Line) -> tuple[Maximum, list[Maximum]]:
    """Return the maximum over all parameters, and the maxima from which chains start: one for each break of a grid.

    The evidence of the first is that of the model: of the broken line it is the mean over the breaks.
    """
    if line.model != "broken":
        found = maximise(line)
        return found, [found]
    low, high = line.limits[MODELS["broken"].index("break")]
    edges = low + (high - low) * (np.arange(N_BREAKS) + 0.5) / N_BREAKS
    grid = [maximise(line, edge) for edge in edges]
    best, width = edges[int(np.argmax([found.log_likelihood for found in grid]))], (high - low) / N_BREAKS
    finer = np.clip(best + width * np.linspace(-1.0, 1.0, N_BREAKS), low, high)  # ln L steps where a star passes
    top = max([*grid, *(maximise(line, edge) for edge in finer)], key=lambda found: found.log_likelihood)
    evidence = float(logsumexp([found.log_evidence for found in grid]) - np.log(N_BREAKS))
    return Maximum(top.theta, top.log_likelihood, top.covariance, evidence), grid
