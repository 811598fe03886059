"""Orbits in the plane traced back to the equilibrium that bar and spirals stirred.

All orbits share the time that is integrated, so the rotations of the patterns and their growth are worked out once for
each stage of the steps. Radial functions are cubics between the nodes of the plane's table. At the setting ``fast`` the
steps of an orbit are of one length, as its pericentre asks for: the one in the background first, and again, shorter, for
the orbits that bar or spirals sent nearer to the centre. A mode acts through a step or not by where the step begins; what
that did wrong after the crossing of a cut-off is then made good with the mode's force along the step (two Gauss points).
Any other setting integrates with `orbits`, which ends steps where the force jumps.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.distribution import EquilibriumTables
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.orbits import ForceTables, integrate
from discatlas.dynamics.planar_kernel import FAR_KPC, LANES, STAGES, TIMES, densities_of_states, follow_blocks
from discatlas.errors import DiscatlasError

Array = NDArray[np.float64]
REFERENCE_STEPS, REFERENCE_RADIANS = 1600, 0.3
RADIANS = 0.3  # that a circular orbit at the pericentre turns in a step
SLACK = 1.6  # how many times as many steps an orbit asks for when it is integrated again
STEP_KPC_KMS = 0.0114  # longest step
WAVE_RADIANS, WAVE_KMS, WAVE_KPC = (
    1.7,
    60.0,
    8.0,
)  # phase of a spiral that a star of that v_R crosses in a step, at that radius
GOLDEN = 0.6180339887498949
GRID_RATIO, N_GRIDS = 2**0.25, 19  # between the numbers of steps of the time grids, and their number


@dataclass(frozen=True)
class PlanarTables:
    """What the kernel needs of the background and the modes.

    Parameters
    ----------
    plane, perturbation : PlaneProfile, Perturbation
        What is tabulated.
    exact : ForceTables
        Those of the kernel that ends steps where the force jumps.
    nodes : array, shape (3,)
        The radial nodes.
    background : array, shape (n - 1, 3)
        dPhi_0 per interval, as the coefficients of a quadratic.
    radial : array, shape (k, n - 1, 8)
        Coefficients of cubics, four for the real part of C(R), four for the imaginary.
    multiplicity, is_complex : array, shape (k,)
        m, growing, and whether C has an imaginary part (that of a bar has not: its phase is in the rotation).
    limits_kpc : array, shape (k, 2)
        Radii between which each mode acts.
    pattern, phase : array, shape (k,)
        Pattern of each mode, and complex factor.
    grids : dict
        The time grids that were asked for.
    """

    plane: PlaneProfile
    perturbation: Perturbation
    exact: ForceTables
    nodes: Array
    background: Array
    radial: Array
    multiplicity: NDArray[np.int64]
    is_complex: NDArray[np.bool_]
    limits_kpc: Array
    pattern: NDArray[np.int64]
    phase: NDArray[np.complex128]
    grids: dict = field(default_factory=dict, compare=False)

    @classmethod
    def build(cls, plane: PlaneProfile, perturbation: Perturbation) -> Self:
        """Tabulate the modes on the nodes of `plane`.

        Raises
        ------
        DiscatlasError
            If a mode acts nowhere within the table.
        """
        exact = ForceTables.build(plane, perturbation)
        _check_limits(plane, exact)
        modes = exact.multiplicity.size
        n_bar = len(perturbation.bar.modes) if perturbation.bar else 0
        phase = np.ones(modes, complex)
        for k in range(n_bar):
            phase[k] = perturbation.bar.phase(perturbation.bar.modes[k])
        values = exact.radial[:, 1::2] + 1j * exact.radial[:, 2::2]
        values = (values / phase[None, :, None]).transpose(1, 0, 2)
        radial = np.concatenate([_cubics(values.real), _cubics(values.imag)], axis=-1)
        order = np.argsort(exact.multiplicity, kind="stable")
        cubic = _cubics(exact.radial[None, :, 0])[0]
        return cls(
            plane=plane,
            perturbation=perturbation,
            exact=exact,
            nodes=exact.radial_nodes,
            background=np.ascontiguousarray(cubic[:, 1:] * [1.0, 2.0, 3.0]),
            radial=np.ascontiguousarray(radial[order]),
            multiplicity=exact.multiplicity[order],
            is_complex=order >= n_bar,
            limits_kpc=np.ascontiguousarray(exact.limits_kpc[order]),
            pattern=exact.pattern[order],
            phase=phase[order],
        )

    def arrays(self) -> tuple:
        """Return the arrays in the order in which the compiled functions take them."""
        limits = np.minimum(self.limits_kpc, FAR_KPC)
        return self.nodes, self.background, self.radial, self.multiplicity, self.is_complex, limits

    def rotations(self, times_kpc_kms: Array) -> Array:
        """Return G exp(-i m Omega t) and the phase of each mode, shape (t, k, 2): real and imaginary part."""
        patterns = self.perturbation.patterns
        result = np.empty((times_kpc_kms.size, self.pattern.size, 2))
        for k, p in enumerate(self.pattern):
            angle = self.multiplicity[k] * patterns[p].Omega_kms_kpc * times_kpc_kms
            factor = patterns[p].growth(times_kpc_kms) * np.exp(-1j * angle) * self.phase[k]
            result[:, k, 0], result[:, k, 1] = factor.real, factor.imag
        return result

    def _fewest_steps(self, duration_kpc_kms: float) -> float:
        """Return the number of steps that all orbits need: none is too long, or crosses too much of a tight spiral."""
        phase_rate = 0.0
        for spiral in self.perturbation.spirals:
            value, slope = spiral.amplitude(np.array([WAVE_KPC]))
            if value[0] != 0:
                phase_rate = max(phase_rate, WAVE_KMS * float(np.abs(slope / value)[0]))
        return duration_kpc_kms * max(1 / STEP_KPC_KMS, phase_rate / WAVE_RADIANS)

    def time_grids(self, duration_kpc_kms: float) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        """Return the numbers of steps of all time grids, the rows at which they start, and the rotations at their stages."""
        if duration_kpc_kms not in self.grids:
            steps = np.ceil(self._fewest_steps(duration_kpc_kms) * GRID_RATIO ** np.arange(N_GRIDS)).astype(np.int64)
            parts = [
                self.rotations(-duration_kpc_kms / count * (np.arange(count)[:, None] + TIMES).ravel())
                for count in steps
            ]
            self.grids[duration_kpc_kms] = steps, STAGES * (np.cumsum(steps) - steps), np.concatenate(parts)
        return self.grids[duration_kpc_kms]


def _check_limits(plane: PlaneProfile, exact: ForceTables) -> None:
    low, high = plane.R_kpc[[0, -1]]
    for m, (inner, outer) in zip(exact.multiplicity, exact.limits_kpc, strict=True):
        if inner >= high or outer <= low:
            raise DiscatlasError(
                f"mode m = {m}: acts from {inner:g} to {outer:g} kpc, outside the potential's table, {low:g} to {high:g} kpc"
            )


def _cubics(hermite: Array) -> Array:
    """Return the coefficients of the cubics between nodes, shape (k, n - 1, 4), from values and slopes (k, n, 2)."""
    a, b = hermite[:, :-1, 0], hermite[:, 1:, 0]
    p, q = hermite[:, :-1, 1], hermite[:, 1:, 1]
    return np.stack([a, p, 3 * (b - a) - 2 * p - q, 2 * (a - b) + p + q], axis=-1)


def trace_back(
    tables: PlanarTables,
    equilibrium: EquilibriumTables,
    duration_kpc_kms: float,
    R_kpc: Array,
    phi_deg: Array,
    v_R_kms: Array,
    v_phi_kms: Array,
    accuracy: str | int,
) -> Array:
    """Return the equilibrium's distribution function where the orbits were `duration_kpc_kms` ago, shape (n,)."""
    state = planar_state(R_kpc, phi_deg, v_R_kms, v_phi_kms)
    end = end_states(tables, duration_kpc_kms, state, accuracy)
    return densities_of_states(end, equilibrium.arrays())


def planar_state(R_kpc: Array, phi_deg: Array, v_R_kms: Array, v_phi_kms: Array) -> Array:
    """Return x = R cos phi, y = R sin phi and their velocities, shape (4, n)."""
    phi = np.radians(phi_deg)
    cosine, sine = np.cos(phi), np.sin(phi)
    return np.stack(
        [R_kpc * cosine, R_kpc * sine, v_R_kms * cosine - v_phi_kms * sine, v_R_kms * sine + v_phi_kms * cosine]
    )


def end_states(tables: PlanarTables, duration_kpc_kms: float, state: Array, accuracy: str | int) -> Array:
    """Return the states `duration_kpc_kms` ago of orbits with the states today, shape (4, n).

    Raises
    ------
    DiscatlasError
        For an unknown accuracy.
    """
    if accuracy in ("fast", "fast_gpu"):
        return _fast(tables, duration_kpc_kms, state, on_gpu=accuracy == "fast_gpu")
    if accuracy != "reference" and not (isinstance(accuracy, int) and accuracy > 0):
        raise DiscatlasError(
            f"backward integration: accuracy {accuracy!r}; expected fast, fast_gpu, reference or a number of steps above 0"
        )
    x, y, u, v = state
    zero = np.zeros_like(x)
    n_steps = np.full(x.size, REFERENCE_STEPS if accuracy == "reference" else accuracy)
    place, velocity = np.stack([-x, y, zero], axis=-1), np.stack([-u, v, zero], axis=-1)
    place, velocity = integrate(tables.exact, place, velocity, 0.0, -duration_kpc_kms, n_steps, REFERENCE_RADIANS)
    return np.stack([-place[:, 0], place[:, 1], -velocity[:, 0], velocity[:, 1]])


def _fast(tables: PlanarTables, duration: float, state: Array, *, on_gpu: bool) -> Array:
    """Integrate each orbit on the time grid that its pericentre asks for, and again on a finer one if it came nearer to the centre."""
    steps, first, rotations = tables.time_grids(duration)
    start = np.concatenate([state, np.hypot(state[0], state[1])[None]])
    end = start.copy()
    left = np.arange(state.shape[1])
    grid = _grid_of(tables.plane, steps, duration, _pericentres(tables.plane, state))
    while left.size:
        end[:, left] = start[:, left]
        if on_gpu:
            end[:, left] = _follow_on_gpu(
                start[:, left], steps[grid[left]], first[grid[left]], -duration, rotations, tables
            )
        else:
            members, grids = _blocks(left, grid[left])
            follow_blocks(end, members, steps[grids], first[grids], -duration, rotations, tables.arrays())
        wanted = _grid_of(tables.plane, steps, duration, end[4, left])
        is_short = steps[wanted] > SLACK * steps[grid[left]]
        left, wanted = left[is_short], wanted[is_short]
        grid[left] = wanted
    return end[:4]


def _follow_on_gpu(
    state: Array, steps: NDArray[np.int64], first: NDArray[np.int64], T: float, rotations: Array, tables: PlanarTables
) -> Array:
    from discatlas.dynamics import planar_gpu  # needs numba.cuda, which only this setting does

    return planar_gpu.follow(state, steps, first, T, rotations, tables.arrays())


def _blocks(orbits: NDArray[np.int64], grid: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return blocks of orbits of one time grid each, shape (b, LANES), the last repeated to fill one, and the blocks' grids."""
    blocks, grids = [], []
    for g in np.unique(grid):
        own = orbits[grid == g]
        padded = np.concatenate([own, np.full(-own.size % LANES, own[-1])])
        blocks.append(padded.reshape(-1, LANES))
        grids += [g] * len(blocks[-1])
    dealt = np.argsort(np.arange(len(grids)) * GOLDEN % 1, kind="stable")  # long and short to every thread
    return np.concatenate(blocks)[dealt], np.array(grids)[dealt]


def _grid_of(plane: PlaneProfile, steps: NDArray[np.int64], duration: float, R_kpc: Array) -> NDArray[np.int64]:
    """Return the time grid that orbits with pericentres at R ask for."""
    Omega = np.interp(R_kpc, plane.R_kpc, plane.Omega_kms_kpc)
    return np.minimum(np.searchsorted(steps, duration * Omega / RADIANS), steps.size - 1)


def _pericentres(plane: PlaneProfile, state: Array) -> Array:
    """Return about the pericentres in the background: those of a flat rotation curve."""
    x, y, u, v = state
    R, L = np.hypot(x, y), np.abs(x * v - y * u)
    R_guide = plane.guiding_radius(np.maximum(L, 1e-3))
    v_c = L / R_guide
    excess = 0.5 * (u * u + v * v) / np.maximum(v_c, 1e-3) ** 2 - 0.5 + np.log(R / R_guide)  # (E - E_c) / v_c^2
    return R_guide * np.interp(excess, *_PERICENTRES)


def _flat_pericentres() -> tuple[Array, Array]:
    ratio = np.linspace(1.0, 0.02, 400) ** 2
    return np.log(ratio) + 0.5 * (1 / ratio**2 - 1), ratio


_PERICENTRES = _flat_pericentres()
