"""Where things lie: the repository, and the real measurements beside a development checkout."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"
