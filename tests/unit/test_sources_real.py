"""Published open clusters and Cepheids: row counts, complete rows and values as their papers give them."""

import numpy as np
from source_files import open_catalogue

HUNT = {
    "source_id": "ID",
    "name": "Name",
    "ra": {"column": "RA_ICRS", "unit": "deg"},
    "dec": {"column": "DE_ICRS", "unit": "deg"},
    "pmra": "pmRA",
    "pmdec": "pmDE",
    "radial_velocity": "RV",
    "catalogue_distance_kpc": {"column": "dist50", "unit": "pc"},
    "log_age_dex": "logAge50",
}
DIAS = {
    "name": "Cluster",
    "pmra": "pmRA",
    "pmdec": "pmDE",
    "radial_velocity": "RV",
    "catalogue_distance_kpc": {"column": "Dist", "unit": "pc"},
    "feh_dex": "[Fe/H]",
}


def read(path, columns):
    """Return whole columns and the report of a CSV file."""
    catalogue = open_catalogue(path, "csv", columns)
    batches = list(catalogue.batches)
    return {name: np.ma.concatenate([batch[name] for batch in batches]) for name in catalogue.names}, catalogue.report


def n_complete(columns, names):
    return int(np.count_nonzero(np.all([np.isfinite(columns[name]) for name in names], axis=0)))


def test_hunt_and_reffert_2023(real_data):
    clusters, report = read(real_data / "hunt2023_open_clusters.csv", HUNT)
    assert report.rows == 6806
    full = ["ra", "dec", "catalogue_distance_kpc", "pmra", "pmdec", "radial_velocity"]
    assert n_complete(clusters, full) == 5469
    assert set(report.out_of_range.values()) == {0}
    assert clusters["name"][0] == "ADS 16795"
    assert clusters["catalogue_distance_kpc"][0] == 206.45788 / 1000
    assert clusters["ra"][0] == 352.59216


def test_dias_2021(real_data):
    """Padded cells and commas inside quotes."""
    clusters, report = read(real_data / "dias2021_open_clusters.csv", DIAS)
    assert report.rows == 1741
    assert n_complete(clusters, ["radial_velocity", "pmra", "pmdec", "catalogue_distance_kpc"]) == 829
    assert n_complete(clusters, ["feh_dex"]) >= 829
    assert clusters["source_id"].tolist() == list(range(1741))
    assert clusters["name"][0] == "ASCC_10"
    assert clusters["catalogue_distance_kpc"][0] == 0.643


def test_gaia_cepheids(real_data):
    """Raw columns of the Gaia archive; the 19 digits of the identifiers stay exact."""
    names = [
        "source_id",
        "ra",
        "dec",
        "parallax",
        "parallax_error",
        "pmra",
        "pmdec",
        "radial_velocity",
        "phot_g_mean_mag",
    ]
    stars, report = read(real_data / "gaia_dr3_cepheids.csv", dict.fromkeys(names) | {name: name for name in names})
    assert report.rows == 1854
    assert stars["source_id"][0] == 5313250548085699712
    assert len(np.unique(stars["source_id"])) == 1854
    assert stars["ra"][0] == 139.88405102713642
