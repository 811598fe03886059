"""Files of a small simulated survey of OB stars: visits, truth, and a sample of its stars."""

import numpy as np
from survey_tools import survey

from discatlas.contracts import load_contract
from discatlas.tables import TableWriter

EPOCHS = {
    "id": "gaia_dr3_source_id",
    "time": "mjd",
    "pipelines": [
        {
            "name": "XCSAO",
            "velocity": "xcsao_v_rad",
            "error": "xcsao_e_v_rad",
            "quality": "xcsao_rxc",
            "min_quality": 6.0,
        },
        {"name": "BossNet", "velocity": "v_rad", "error": "e_v_rad", "quality": None, "min_quality": None},
    ],
}


def write(path, contract, table):
    with TableWriter(path, contract, list(table), {}) as writer:
        writer.write(table)
    return path


def make_visits(folder, n=40_000, **options):
    """Write visits.parquet, truth.parquet and sample.parquet, and return the tables behind them."""
    tables = survey("sdssv_ob", n, **options)
    write(folder / "visits.parquet", load_contract("visits_sdssv_ob"), tables.visits)
    write(folder / "truth.parquet", load_contract("truth"), tables.truth)
    ids = np.asarray(tables.raw["gaia_dr3_source_id"])
    sample = {"source_id": ids, "distance_kpc": np.ones(ids.size), "teff_K": np.full(ids.size, 2e4)}
    write(folder / "sample.parquet", load_contract("sample"), sample)
    return tables
