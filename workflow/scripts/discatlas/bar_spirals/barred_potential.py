"""A barred potential of the Galaxy with spirals, for galpy, gala, AGAMA or alone; needs numpy and scipy, and nothing else of its project.

    from barred_potential import load
    field = load("barred_potential.json")          # the model; draw=3 for the fourth draw of its posterior
    field.potential(R, phi, Z, t)                  # arrays; phi in radians
    field.galpy()                                  # a galpy Potential
    field.gala()                                   # a gala potential
    field.write_agama("potential.ini")             # for agama.Potential("potential.ini")

Units     kpc, km/s, time in kpc/(km/s) = 0.97779 Gyr, zero today; potentials in (km/s)^2. gala: its `galactic` units (Myr).
Azimuth   phi is zero at the Sun and grows with rotation, as galpy has it: R, phi, v_R and v_T = v_phi are galpy's with ro = vo = 1.
Axes      gala and AGAMA: (X, Y, Z) of astropy's Galactocentric, the Sun at negative X; rotation is clockwise there.
Strength  That of today at all times: bar and spirals rotate and do not grow.
Cut-offs  The force of a spiral ends at two radii, so it is no gradient there. Here and in galpy and gala it is exactly so;
          AGAMA's file lets the mode fade over TAPER_KPC beyond them.
Accuracy  The axisymmetric potential is a table (bicubic spline) or, for AGAMA, AGAMA's own for the same components;
          `accuracy` in the JSON says how far forces are from the kernel's that the model was fitted with.
"""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import RectBivariateSpline

TAPER_KPC = 1.0  # of spirals beyond their cut-offs, in AGAMA's file
FAR_KPC, NODE_KPC = 80.0, 0.25  # last radius and height of AGAMA's file, and step in radius of its spirals
KPC_PER_MYR = 1.0227121650537077e-3  # one km/s
MYR_PER_TIME = 977.7922216807891  # one kpc/(km/s)


def load(path: str | Path, draw: int | None = None) -> "BarredPotential":
    """Return the potential of a JSON file, or that of one of its draws (from 0)."""
    record = json.loads(Path(path).read_text(encoding="utf-8"))
    return BarredPotential(record, record["model"] if draw is None else record["draws"][draw])


class BarredPotential:
    """The potential and its gradient at R [kpc], phi [rad], Z [kpc] and time t [kpc/(km/s)], arrays of one shape.

    `record` is that of the JSON file; `modes` has the entries ``bar`` (or None) and ``spirals``.
    """

    def __init__(self, record: dict[str, Any], modes: dict[str, Any]) -> None:
        self.record, self.bar, self.spirals = record, modes["bar"], modes["spirals"]
        table = record["table"]
        self._R, self._Z = np.array(table["R_kpc"]), np.array(table["Z_kpc"])
        self._scales = table["R_scale_kpc"], table["Z_scale_kpc"]
        u, v = (x / (x + c) for x, c in zip((self._R, self._Z), self._scales, strict=True))
        self._spline = RectBivariateSpline(u, v, np.array(table["Phi_km2_s2"]))

    def axisymmetric(self, R: np.ndarray, Z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the axisymmetric potential and its derivatives in R and Z.

        Raises ValueError beyond the table.
        """
        R, Z = np.broadcast_arrays(np.asarray(R, float), np.asarray(Z, float))
        if R.size and not (np.max(R) <= self._R[-1] and np.max(np.abs(Z)) <= self._Z[-1]):
            raise ValueError(f"barred potential: R to {self._R[-1]:g} and |Z| to {self._Z[-1]:g} kpc only")
        (a, b), height = self._scales, np.abs(Z)
        place = np.maximum(R, self._R[0]), height
        u, v = place[0] / (place[0] + a), height / (height + b)
        value = self._spline.ev(u, v)
        d_R = self._spline.ev(u, v, dx=1) * a / (place[0] + a) ** 2
        return value, d_R, self._spline.ev(u, v, dy=1) * b / (height + b) ** 2 * np.sign(Z)

    def bar_share(self, mode: dict[str, float], R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a bar mode as a share of the axisymmetric potential, and its slope in R."""
        K, a, b, R_max = mode["K"], mode["a"], mode["b"], self.bar["R_max_kpc"]
        x = np.clip(np.asarray(R, float) / R_max, 1e-12, 1.0)
        slope = K * x ** (a - 2) * (1 - x) ** (b - 2) * ((a - 1) * (1 - x) - (b - 1) * x) / R_max
        return K * x ** (a - 1) * (1 - x) ** (b - 1), slope

    def spiral_wave(self, mode: dict[str, Any], R: np.ndarray, Z: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the complex amplitude of an uncut spiral mode, times exp(i m phi) at t = 0, and its derivatives in R and Z."""
        R = np.maximum(np.asarray(R, float), 1e-6)
        m, h, pitch = mode["m"], mode["h_kpc"], np.radians(mode["pitch_deg"])
        u = m / (R * np.sin(pitch))
        q = u * h
        D = (1 + q + 0.3 * q**2) / (1 + 0.3 * q)
        dD = ((1 + 0.6 * q) * (1 + 0.3 * q) - 0.3 * (1 + q + 0.3 * q**2)) / (1 + 0.3 * q) ** 2
        phase = m * (np.log(R / mode["R0_kpc"]) / np.tan(pitch) - np.radians(mode["phase_deg"]))
        C = -mode["K_km2_s2"] / (mode["R0_kpc"] * u * D) * np.exp(1j * phase)
        dC = C * (1 + q * dD / D + 1j * m / np.tan(pitch)) / R
        if mode["vertical"] == "constant":
            return C, dC, np.zeros_like(C)
        beta, d_beta = q * (1 + 0.4 * q), -q / R * (1 + 0.8 * q)
        x = u * Z / beta
        log_cosh = np.logaddexp(x, -x) - np.log(2.0)
        W, dx = np.exp(-beta * log_cosh), -x * (1 / R + d_beta / beta)
        return C * W, W * (dC - C * (d_beta * log_cosh + beta * np.tanh(x) * dx)), -C * W * u * np.tanh(x)

    def _everything(self, R: Any, phi: Any, Z: Any, t: Any) -> np.ndarray:  # noqa: ANN401
        """Return the potential and its derivatives in R, phi and Z, shape (4, ...)."""
        R, phi, Z, t = np.broadcast_arrays(*(np.asarray(x, float) for x in (R, phi, Z, 0.0 if t is None else t)))
        value, d_R, d_Z = self.axisymmetric(R, Z)
        total = [value, d_R, np.zeros_like(value), d_Z]
        for mode in self.bar["modes"] if self.bar else ():
            share, slope = self.bar_share(mode, R)
            angle = mode["m"] * (phi - np.radians(self.bar["angle_deg"]) - self.bar["Omega_kms_kpc"] * t)
            of = (value, d_R, d_Z) if self.bar["vertical"] == "thomas2023" else (*self.axisymmetric(R, 0 * Z)[:2], 0.0)
            parts = (share * of[0], slope * of[0] + share * of[1], share * of[2])
            _add(total, mode["m"], parts, np.exp(1j * angle))
        for mode in self.spirals:
            low, high = mode["R_limits_kpc"]
            acts = ((low or 0.0) <= R) & ((np.inf if high is None else high) >= R)
            turned = acts * np.exp(1j * mode["m"] * (phi - mode["Omega_kms_kpc"] * t))
            _add(total, mode["m"], self.spiral_wave(mode, R, Z), turned)
        return np.stack(total)

    def potential(self, R: Any, phi: Any, Z: Any, t: Any = 0.0) -> np.ndarray:  # noqa: ANN401
        """Return the potential [(km/s)^2]."""
        return self._everything(R, phi, Z, t)[0]

    def gradient(self, R: Any, phi: Any, Z: Any, t: Any = 0.0) -> np.ndarray:  # noqa: ANN401
        """Return the derivatives in R, phi and Z, shape (3, ...) [(km/s)^2 per kpc, rad, kpc]."""
        return self._everything(R, phi, Z, t)[1:]

    def cartesian(self, xyz: np.ndarray, t: Any = 0.0) -> tuple[np.ndarray, np.ndarray]:  # noqa: ANN401
        """Return the potential and its gradient (..., 3) at astropy's Galactocentric X, Y, Z of shape (..., 3)."""
        X, Y, Z = np.moveaxis(np.asarray(xyz, float), -1, 0)
        R = np.maximum(np.hypot(X, Y), 1e-9)
        value, d_R, d_phi, d_Z = self._everything(R, np.arctan2(Y, -X), Z, t)
        return value, np.stack([d_R * X / R + d_phi * Y / R**2, d_R * Y / R - d_phi * X / R**2, d_Z], axis=-1)

    def galpy(self) -> Any:  # noqa: ANN401
        """Return a galpy Potential in kpc and km/s (ro = vo = 1: leave physical output off); orbits go by galpy's Python integrators."""
        field, base = self, import_module("galpy.potential").Potential

        class Barred(base):
            def __init__(self) -> None:
                super().__init__(amp=1.0)
                self.isNonAxi, self.hasC, self.hasC_dxdv = True, False, False

            def _evaluate(self, R: Any, z: Any, phi: Any = 0.0, t: Any = 0.0) -> Any:  # noqa: ANN401
                return field.potential(R, phi, z, t)

            def _Rforce(self, R: Any, z: Any, phi: Any = 0.0, t: Any = 0.0) -> Any:  # noqa: ANN401
                return -field.gradient(R, phi, z, t)[0]

            def _phitorque(self, R: Any, z: Any, phi: Any = 0.0, t: Any = 0.0) -> Any:  # noqa: ANN401
                return -field.gradient(R, phi, z, t)[1]

            def _zforce(self, R: Any, z: Any, phi: Any = 0.0, t: Any = 0.0) -> Any:  # noqa: ANN401
                return -field.gradient(R, phi, z, t)[2]

        return Barred()

    def gala(self) -> Any:  # noqa: ANN401
        """Return a gala potential in its `galactic` units; orbits go by gala's Python integrators, t in Myr."""
        field, base, units = self, import_module("gala.potential").PotentialBase, import_module("gala.units").galactic

        class Barred(base):
            ndim = 3

            def __init__(self) -> None:
                super().__init__(units=units)

            def _energy(self, q: np.ndarray, t: Any = 0.0) -> np.ndarray:  # noqa: ANN401
                return field.cartesian(q, np.asarray(t) / MYR_PER_TIME)[0] * KPC_PER_MYR**2

            def _gradient(self, q: np.ndarray, t: Any = 0.0) -> np.ndarray:  # noqa: ANN401
                return field.cartesian(q.T, np.asarray(t) / MYR_PER_TIME)[1].T * KPC_PER_MYR**2

        return Barred()

    def agama_text(self) -> str:
        """Return the potential as the text of a file that agama.Potential reads, after agama.setUnits(mass=1, length=1, velocity=1)."""
        text = [
            "# Barred potential in AGAMA's format: agama.setUnits(mass=1, length=1, velocity=1), then agama.Potential(this file).",
            "# Axes of astropy's Galactocentric: the Sun at negative X, rotation clockwise; time in kpc/(km/s), zero today.",
            f"# Spirals fade over {TAPER_KPC:g} kpc beyond their cut-off radii, where the model's force ends sharply.",
            "# Discs and spheroids are AGAMA's own (its discs change the force by 2e-4). Bar and spirals are tables: to 2e-4 of the force,",
            "# 1e-3 within 0.2 kpc of a cut-off.",
            f"# Source: {self.record['source']}",
        ]
        for number, entry in enumerate(self.record["components"], 1):
            text += ["", f"[Potential component{number}]", *(f"{key}={value}" for key, value in entry.items())]
        step = 2
        R, Z = np.concatenate([[0.0], self._R[1::step], [FAR_KPC]]), np.concatenate([self._Z[::step], [FAR_KPC]])
        if self.bar:
            text += ["", "[Potential bar]", *self._agama_bar(R, Z)]
        for number, mode in enumerate(self.spirals, 1):
            text += ["", f"[Potential spiral{number}]", *self._agama_spiral(mode, R, Z)]
        return "\n".join(text) + "\n"

    def write_agama(self, path: str | Path) -> None:
        """Write `agama_text` into a file."""
        Path(path).write_text(self.agama_text(), encoding="utf-8")

    def _agama_bar(self, R: np.ndarray, Z: np.ndarray) -> list[str]:
        inside = np.minimum(R, self._R[-1])[:, None], np.minimum(Z, self._Z[-1])[None, :]
        flat = self.bar["vertical"] != "thomas2023"
        Phi, d_R, d_Z = self.axisymmetric(inside[0], 0 * inside[1] if flat else inside[1])
        harmonics = {}
        for mode in self.bar["modes"]:
            share, slope = (x[:, None] * (R[:, None] > 0) for x in self.bar_share(mode, R))
            phase = np.exp(-1j * mode["m"] * np.radians(self.bar["angle_deg"]))
            parts = share * Phi, slope * Phi + share * d_R, share * d_Z
            harmonics[mode["m"]] = tuple(part * phase for part in parts)
        return _cylspline(R, Z, harmonics, self.bar["Omega_kms_kpc"])

    def _agama_spiral(self, mode: dict[str, Any], R: np.ndarray, Z: np.ndarray) -> list[str]:
        low, high = mode["R_limits_kpc"][0] or 0.0, mode["R_limits_kpc"][1] or np.inf
        last = min(high + TAPER_KPC, self._R[-1])
        R = np.concatenate([np.arange(0.0, last - 0.5 * NODE_KPC, NODE_KPC), last + NODE_KPC * np.arange(8), [FAR_KPC]])
        value, d_R, d_Z = self.spiral_wave(mode, R[:, None], Z[None, :])
        fade, slope = (x[:, None] for x in _taper(R, low, high))
        parts = fade * value, fade * d_R + slope * value, fade * d_Z
        return _cylspline(R, Z, {mode["m"]: parts}, mode["Omega_kms_kpc"])


def _add(total: list[np.ndarray], m: int, parts: Sequence[np.ndarray], turned: np.ndarray) -> None:
    """Add a mode to the potential and its derivatives in R, phi and Z."""
    value, d_R, d_Z = (part * turned for part in parts)
    for k, part in enumerate((value, d_R, 1j * m * value, d_Z)):
        total[k] = total[k] + np.real(part)


def _taper(R: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a factor that is 1 between the limits and falls to 0 within TAPER_KPC beyond them, and its slope."""
    below, above = (low - R) / TAPER_KPC, (R - high) / TAPER_KPC
    x = np.clip(np.maximum(below, above), 0.0, 1.0)
    value, slope = 1 - x**3 * (10 - 15 * x + 6 * x**2), -30 * x**2 * (1 - x) ** 2 / TAPER_KPC
    return value, np.where(below > above, -slope, slope)


def _cylspline(R: np.ndarray, Z: np.ndarray, harmonics: dict[int, tuple[np.ndarray, ...]], Omega: float) -> list[str]:
    """Return AGAMA's text of harmonics C_m(R, Z) exp(i m phi): in its axes phi becomes 180 degrees less, and turns the other way."""
    m_max, zero = max(harmonics), np.zeros((R.size, Z.size))
    lines = ["type=CylSpline", f"gridSizeR={R.size}", f"gridSizeZ={Z.size}", f"mmax={m_max}", "symmetry=None"]
    lines += [f"rotation=[[-1,{Omega!r}],[1,{-Omega!r}]]", "Coefficients"]
    for k, name in enumerate(("#Phi", "#dPhi/dR", "#dPhi/dz")):
        lines += [""] * (k > 0) + [name]
        for m in range(-m_max, m_max + 1):
            if m and abs(m) not in harmonics:
                continue
            values = zero if m == 0 else (-1) ** m * (np.imag if m < 0 else np.real)(harmonics[abs(m)][k])
            lines += [f"{m}\t#m", "#R(row)\\z(col)\t" + "\t".join(f"{z:.12g}" for z in Z)]
            lines += ["\t".join([f"{r:.12g}", *(f"{x:.8g}" for x in row)]) for r, row in zip(R, values, strict=True)]
    return lines
