"""Sine, cosine and arc tangent without branches or calls, so that kernels work on several stars per instruction.

Compiled code that uses them is cached under the kernels' file: after a change here, touch `kernels.py`.
"""

import math

import numba

RAD_PER_DEG = math.pi / 180.0
TAN_EIGHTH = math.tan(math.pi / 8.0)
ROUND = 6755399441055744.0  # 1.5 * 2^52: adding and subtracting it rounds to the nearest integer
INLINE = {"cache": True, "error_model": "numpy", "nogil": True, "forceinline": True}


@numba.njit(**INLINE)
def sine_cosine(angle_deg: float) -> tuple[float, float]:
    """Return sine and cosine to about one unit in the last place (polynomials of fdlibm on -45...45 degrees)."""
    quarter = (angle_deg * (1.0 / 90.0) + ROUND) - ROUND
    x = (angle_deg - 90.0 * quarter) * RAD_PER_DEG
    turn = quarter - 4.0 * ((quarter * 0.25 + ROUND) - ROUND)  # -2 ... 2
    z = x * x
    sine = x + x * z * (-1.66666666666666324348e-01 + z * (8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)))))  # fmt: skip
    tail = z * z * (4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 + z * (-2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)))))  # fmt: skip
    half = 0.5 * z
    whole = 1.0 - half
    cosine = whole + ((1.0 - whole - half) + tail)
    is_odd = abs(turn) == 1.0
    sine, cosine = (cosine if is_odd else sine), (sine if is_odd else cosine)
    return (-sine if turn < -0.5 or turn > 1.5 else sine), (-cosine if turn > 0.5 or turn < -1.5 else cosine)


@numba.njit(**INLINE)
def angle_deg(y: float, x: float) -> float:
    """Return the angle atan2(y, x) [deg] to about two units in the last place (rational function of Cephes)."""
    size_x, size_y = abs(x), abs(y)
    small, large = (size_x if size_x < size_y else size_y), (size_y if size_x < size_y else size_x)
    is_steep = small > TAN_EIGHTH * large
    t = (small - large if is_steep else small) / (small + large if is_steep else large)
    z = t * t
    p = (((-8.750608600031904122785e-01 * z - 1.615753718733365076637e01) * z - 7.500855792314704667340e01) * z - 1.228866684490136173410e02) * z - 6.485021904942025371773e01  # fmt: skip
    q = ((((z + 2.485846490142306297962e01) * z + 1.650270098316988542046e02) * z + 4.328810604912902668951e02) * z + 4.853903996359136964868e02) * z + 1.945506571482613964425e02  # fmt: skip
    angle = (t + t * z * p / q) * (1.0 / RAD_PER_DEG) + (45.0 if is_steep else 0.0)
    angle = 90.0 - angle if size_y > size_x else angle
    angle = 180.0 - angle if x < 0.0 else angle
    return -angle if y < 0.0 else angle
