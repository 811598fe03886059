"""What all tests share: the repository, its config and schema, and the folder of real measurements."""

import os
from copy import deepcopy

import pytest
import yaml

from discatlas.digests import kernel_digest
from places import REAL_DATA, ROOT

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: two workers share the cores
# before any test imports numba: the same place that the workflow uses
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".cache" / "numba" / kernel_digest(ROOT / "workflow/scripts")))


@pytest.fixture(scope="session")
def schema():
    return yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def _default_config():
    return yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def config(_default_config):
    """The default config, a copy for this test alone."""
    return deepcopy(_default_config)


@pytest.fixture(scope="session")
def real_data():
    """The folder of published measurements that lies beside a development checkout."""
    if not REAL_DATA.is_dir():
        pytest.skip("the folder of real measurements is not beside this checkout")
    return REAL_DATA
