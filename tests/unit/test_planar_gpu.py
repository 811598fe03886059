"""The orbit kernel for graphics cards, in numba's simulator of one where there is none: the states of the kernel of the processor."""

import os
import subprocess
import sys

import pytest
from numba import cuda

PROGRAM = """
import numpy as np
from backward_models import model
from discatlas.dynamics.planar_orbits import PlanarTables, end_states, planar_state
tables = PlanarTables.build(model().plane, model().perturbation)
state = planar_state(np.array([8.0, 6.8, 8.1]), np.array([0.0, 20.0, -30.0]), np.array([10.0, -40.0, 60.0]), np.array([230.0, 210.0, 240.0]))
a, b = (end_states(tables, 0.3, state, accuracy) for accuracy in ("fast", "fast_gpu"))
assert np.all(np.abs(a - state) > 1e-3)
np.testing.assert_allclose(b[:2], a[:2], atol=1e-9)
np.testing.assert_allclose(b[2:], a[2:], atol=1e-7)
"""


def test_the_kernel_of_the_card_is_that_of_the_processor():
    """Orbits that cross cut-offs of both spirals, inside and outside the bar."""
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.skipif(cuda.is_available(), reason="there is a graphics card")
def test_without_a_card_it_says_so():
    from backward_models import model

    from discatlas.dynamics.backward import distribution_at
    from discatlas.errors import DiscatlasError

    with pytest.raises(DiscatlasError, match="no graphics card here; take fast"):
        distribution_at(model(), 8.0, 0.0, 10.0, 230.0, "fast_gpu")
