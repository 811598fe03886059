"""Make messy.csv: stars of the simulated disc in a file as untidy as those that people send around.

Run with: PYTHONPATH=workflow/scripts python tests/data/make_messy.py
"""

from pathlib import Path

import numpy as np
import yaml

from discatlas.frames import Sun
from discatlas.simulation.disc import DiscModel, simulate_chunk
from discatlas.streams import stream_generator

N_STARS = 400
HEADER = '"Star","RA, ICRS",DE,Plx,e_Plx,pmRA,e_pmRA,pmDE,e_pmDE,RV,e_RV,dist,e_dist,[Fe/H],e_[Fe/H],remark'
GAPS = ["nan", "", "   ", "null", "NaN"]


def main() -> None:
    """Write the file: quoted commas, padded blanks, five spellings of missing, repeated stars, impossible values."""
    root = Path(__file__).parents[2]
    config = yaml.safe_load((root / "config/config.yaml").read_text(encoding="utf-8"))
    entry = {k: v for k, v in config["catalogues"]["simulated_disc"].items() if k not in ("source", "sun")}
    model = DiscModel.from_config(entry | {"radius_kpc": 2.0, "absolute_magnitude_mag": -1.0})
    rng = stream_generator(1, "messy")
    stars = simulate_chunk(model, Sun.from_config(config["sun"]["astropy_v4.0"]), N_STARS, rng)
    distance = 1000 / stars["parallax"]
    lines = [HEADER]
    for i in range(N_STARS):
        error = distance[i] * stars["parallax_error"][i] / stars["parallax"][i]
        cells = [f'"star {i:03d}, main"   ', f"{np.radians(stars['ra'][i]):.12f}", f" {stars['dec'][i]:.9f} "]
        cells += [f"{stars[name][i] / 1000:.9e}" for name in ("parallax", "parallax_error")]
        cells += [
            f"{stars[name][i]:.6f}"
            for name in ("pmra", "pmra_error", "pmdec", "pmdec_error", "radial_velocity", "radial_velocity_error")
        ]
        cells += [
            f"{distance[i]:.3f}",
            f"{error:.3f}",
            f"{stars['feh_dex'][i]:.3f}",
            "0.05",
            '"a remark, with a comma"',
        ]
        if i % 20 == 3:
            cells[9] = cells[10] = GAPS[(i // 20) % len(GAPS)]
        if i % 50 == 7:
            cells[13] = GAPS[(i // 50) % len(GAPS)]
        if i == 100:
            cells[2] = "123.0"  # no declination
        lines.append(",".join(cells))
        if i % 80 == 5:
            lines.append(",".join([*cells[:4], f"{2 * stars['parallax_error'][i] / 1000:.9e}", *cells[5:]]))
    (Path(__file__).parent / "messy.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
