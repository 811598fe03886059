"""What all tests share: the repository, its config and schema, and the folder of real measurements."""

from copy import deepcopy
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"


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


@pytest.fixture
def real_data():
    """The folder of published measurements that lies beside a development checkout."""
    if not REAL_DATA.is_dir():
        pytest.skip("the folder of real measurements is not beside this checkout")
    return REAL_DATA
