"""Units stated by files and declared in the config: what they mean, when they agree, and the factors."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units
from source_files import open_catalogue

from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.sources.unit_conversion import conversion_factor, parse_unit

CONTRACT = load_contract("catalogue")


def factor(target, stated=None, declared=None):
    return conversion_factor(CONTRACT.column(target), stated, declared, "stars.fits: column 'x'")


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("mas.yr-1", units.mas / units.yr),
        ("mas.yr**-1", units.mas / units.yr),
        ("mas/yr", units.mas / units.yr),
        ("km.s-1", units.km / units.s),
        ("km s^-1", units.km / units.s),
        ("um**-1", 1 / units.um),
        ("'mag'", units.mag),
        ("mag(AB)", units.mag),
        ("'dex'", units.dex),
        ("Dex", units.dex),
        ("ct", units.dimensionless_unscaled),
        ("", units.dimensionless_unscaled),
    ],
)
def test_dialects_of_unit_strings(text, unit):
    assert parse_unit(text).unit == unit


@pytest.mark.parametrize("text", ["[yr]", "log(yr)", "dex(yr)", "log10(yr)"])
def test_logarithms_know_their_argument(text):
    parsed = parse_unit(text)
    assert (parsed.unit, parsed.argument) == (units.dex, units.yr)


@pytest.mark.parametrize("text", ["kilometre per fortnight", "none", "Angle[deg]", "rad, rad, arcsec"])
def test_what_is_not_understood(text):
    assert parse_unit(text) is None


@pytest.mark.parametrize(
    ("target", "stated", "expected"),
    [
        ("ra", "rad", 57.29577951308232),
        ("ra", "deg", 1.0),
        ("parallax", "arcsec", 1000.0),
        ("pmra", "arcsec/yr", 1000.0),
        ("pmra", "deg/yr", 3.6e6),
        ("ra_error", "deg", 3.6e6),
        ("radial_velocity", "m/s", 1e-3),
        ("catalogue_distance_kpc", "pc", 1e-3),
        ("catalogue_distance_kpc", "Mpc", 1e3),
        ("feh_dex", "dex", 1.0),
        ("feh_dex", "[-]", 1.0),
        ("log_age_dex", "[yr]", 1.0),
        ("log_age_dex", "dex", 1.0),
        ("logg_dex", "log(cm.s**-2)", 1.0),
        ("logg_dex", "[cm/s2]", 1.0),
        ("ruwe", "", 1.0),
        ("ref_epoch", "yr", 1.0),
        ("n_members", "ct", 1.0),
        ("name", "whatever", 1.0),
        ("quality", "sigma of something", 1.0),
    ],
)
def test_factors(target, stated, expected):
    assert factor(target, stated) == pytest.approx(expected, rel=1e-14)
    if parse_unit(stated) is not None:
        assert factor(target, None, stated) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("target", "unit", "message"),
    [
        ("parallax", "deg/yr", r"unit 'deg/yr' cannot be converted to 'mas', the unit of 'parallax'"),
        ("feh_dex", "mag", r"unit 'mag' cannot be converted to 'dex'"),
        ("phot_g_mean_mag", "dex", r"unit 'dex' cannot be converted to 'mag'"),
        ("log_age_dex", "Gyr", r"unit 'Gyr' cannot be converted to dex\(yr\), the unit of 'log_age_dex'"),
        ("log_age_dex", "[Gyr]", r"unit '\[Gyr\]' cannot be converted to dex\(yr\)"),
        ("teff_K", "dex", r"unit 'dex' cannot be converted to 'K'"),
        ("ruwe", "km/s", r"unit 'km/s' cannot be converted to 'no unit'"),
        ("catalogue_distance_kpc", "mag", r"unit 'mag' cannot be converted to 'kpc'"),
    ],
)
def test_units_that_cannot_be_converted(target, unit, message):
    with pytest.raises(DiscatlasError, match=f"column 'x': the file's {message}"):
        factor(target, stated=unit)
    with pytest.raises(DiscatlasError, match=f"column 'x': the declared {message}"):
        factor(target, declared=unit)


def test_disagreement_names_both_units():
    message = r"column 'x': the file states the unit 'mas', but 'arcsec' is declared for 'parallax'"
    with pytest.raises(DiscatlasError, match=message):
        factor("parallax", "mas", "arcsec")


@pytest.mark.parametrize(
    ("target", "stated", "declared"),
    [
        ("pmra", "mas.yr-1", "mas / yr"),
        ("feh_dex", "dex", ""),
        ("log_age_dex", "[yr]", "dex"),
        ("pmra", "odd", "mas/yr"),
    ],
)
def test_agreement_in_other_spellings(target, stated, declared):
    assert factor(target, stated, declared) == 1.0


def test_units_not_understood():
    with pytest.raises(DiscatlasError, match=r"file's unit 'furlongs' is not understood; declare it for 'parallax'"):
        factor("parallax", "furlongs")
    with pytest.raises(DiscatlasError, match=r"declared unit 'parsecs' is not understood; write it as astropy does"):
        factor("parallax", None, "parsecs")


def test_file_names_the_file_column_and_units(tmp_path):
    field = pa.field("plx", pa.float64(), metadata={"unit": "arcsec"})
    pq.write_table(pa.table([pa.array([0.5])], schema=pa.schema([field])), tmp_path / "stars.parquet")
    catalogue = open_catalogue(tmp_path / "stars.parquet", "parquet", {"parallax": "plx"})
    np.testing.assert_allclose(next(catalogue.batches)["parallax"], [500.0], rtol=1e-15)
    with pytest.raises(
        DiscatlasError, match=r"stars.parquet: column 'plx': the file states the unit 'arcsec', but 'mas'"
    ):
        open_catalogue(tmp_path / "stars.parquet", "parquet", {"parallax": {"column": "plx", "unit": "mas"}})
