"""The same six stars written in every file format, each in other units and with its own way to mark missing values."""

import gzip
import warnings

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy import units
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from discatlas.contracts import load_contract
from discatlas.sources.catalogue import read_catalogue

NAN = np.nan
IDS = np.array([4295806720, 5853498713190525696, 6917528997577384320, 7, 8, 9], dtype=np.int64)
STANDARD = {
    "source_id": IDS,
    "name": np.array(["Gaia DR3 1", "alpha, Cen", "Tr 14", None, "x", "last"], dtype=object),
    "ra": np.array([0.25, 219.9, 266.41, 359.9, 181.0, 10.0]),
    "dec": np.array([-60.5, 12.0, -29.0, 89.0, 0.0, NAN]),
    "parallax": np.array([1.5, 747.2, -0.1, NAN, 0.02, 3.0]),
    "pmra": np.array([-3.0, 12.5, NAN, 0.0, 7.75, 1.0]),
    "pmdec": np.array([4.0, -2.5, NAN, 0.5, -8.25, 1.0]),
    "radial_velocity": np.array([11.0, NAN, -200.5, 0.0, 35.0, NAN]),
    "astrometric_params_solved": np.ma.MaskedArray([31, 95, 3, 31, 0, 31], [False, False, False, False, True, False]),
    "catalogue_distance_kpc": np.array([0.666, 0.00134, NAN, 8.2, 12.0, 0.33]),
    "feh_dex": np.array([-0.25, 0.2, NAN, 0.0, 0.03, -1.5]),
}
FLOATS = [name for name, values in STANDARD.items() if values.dtype == np.float64]
# the column names and units in which the files hold the floats; the factor turns the standard value into the file's
RADIANS = np.pi / 180
SOURCES = {
    "ra": ("RAJ", "rad", RADIANS),
    "dec": ("DEJ", "rad", RADIANS),
    "parallax": ("plx", "arcsec", 1e-3),
    "pmra": ("pm_ra", "arcsec / yr", 1e-3),
    "pmdec": ("pm_de", "arcsec / yr", 1e-3),
    "radial_velocity": ("HRV", "m / s", 1e3),
    "catalogue_distance_kpc": ("dist", "pc", 1e3),
    "feh_dex": ("[Fe/H]", "dex", 1.0),
}
NAMES = {"source_id": "ID", "name": "Name", "astrometric_params_solved": "solved"}


def open_catalogue(path, file_format, columns, table=None, **options):
    """Open a file with the project's own contract."""
    return read_catalogue(path, file_format, columns, load_contract("catalogue"), table, **options)


def mapping(declare: bool) -> dict:
    """The mapping for these files, with the units declared or left to the file."""
    columns: dict = dict(NAMES)
    for name, (source, unit, _) in SOURCES.items():
        columns[name] = {"column": source, "unit": unit} if declare else source
    return columns


def in_file(name):
    source, unit, factor = SOURCES[name]
    return source, unit, STANDARD[name] * factor


def write_parquet(path, units_stated=True):
    arrays = [pa.array(IDS), pa.array(STANDARD["name"]), pa.array([31, 95, 3, 31, None, 31], pa.int16())]
    fields = [pa.field("ID", pa.int64()), pa.field("Name", pa.string()), pa.field("solved", pa.int16())]
    for name in FLOATS:
        source, unit, values = in_file(name)
        arrays.append(pa.array(values, from_pandas=name != "dec"))
        fields.append(pa.field(source, pa.float64(), metadata={"unit": unit} if units_stated else None))
    pq.write_table(pa.table(arrays, schema=pa.schema(fields)), path, row_group_size=4)


def write_fits(path, extra=()):
    text = ["" if value is None else value for value in STANDARD["name"]]
    solved = STANDARD["astrometric_params_solved"].filled(-9)
    columns = [
        fits.Column("ID", "K", array=IDS),
        fits.Column("Name", "12A", array=text),
        fits.Column("solved", "I", null=-9, array=solved),
    ]
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(np.zeros((2, 2)), name="PICTURE")]
    with warnings.catch_warnings(action="ignore"):  # the standard advises against names such as '[Fe/H]'
        for name in FLOATS:
            source, unit, values = in_file(name)
            columns.append(fits.Column(source, "D", unit=unit.replace(" ", ""), array=values))
        hdus.append(fits.BinTableHDU.from_columns([*columns, *extra], name="STARS"))
        fits.HDUList(hdus).writeto(path, overwrite=True)


def table():
    """The stars as an astropy table with masks."""
    names = STANDARD["name"]
    result = Table()
    result["ID"] = IDS
    result["Name"] = MaskedColumn(
        ["" if text is None else text for text in names], mask=[text is None for text in names]
    )
    result["solved"] = MaskedColumn(STANDARD["astrometric_params_solved"].astype(np.int16))
    for name in FLOATS:
        source, unit, values = in_file(name)
        column = MaskedColumn(values, mask=np.isnan(values)) if name != "dec" else values
        result[source] = column
        result[source].unit = units.Unit(unit)
    return result


def write_votable(path):
    with warnings.catch_warnings(action="ignore"):  # '[Fe/H]' is no XML identifier: astropy makes one up
        table().write(path, format="votable", table_id="stars", overwrite=True)


def write_ecsv(path):
    table().write(path, format="ascii.ecsv", overwrite=True)


def write_csv(path):
    """Comma-separated, padded, with a different token for each missing value; gzipped if the name says so."""
    missing = iter(["nan", " NaN ", "null", "NULL", "", "--", "   "] * 4)
    columns = {"ID": IDS, "Name": STANDARD["name"], "solved": STANDARD["astrometric_params_solved"].tolist()}
    columns |= {in_file(name)[0]: in_file(name)[2] for name in FLOATS}
    lines = [",".join(f" {name} " for name in columns)]
    for row in range(len(IDS)):
        cells = [column[row] for column in columns.values()]
        lines.append(",".join(_cell(value, missing) for value in cells))
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode())


def _cell(value, missing):
    if value is None or value != value:  # noqa: PLR0124 NaN
        return next(missing)
    return (
        f'"{value}"' if isinstance(value, str) else f"  {float(value)!r} " if isinstance(value, float) else str(value)
    )


def write_hdf5(path):
    """Coordinates and proper motions in 2-D datasets with a list of units, right ascension from -180 to 180 degrees."""
    values = {name: in_file(name)[2] for name in FLOATS}
    ra = np.where(values["ra"] > np.pi, values["ra"] - 2 * np.pi, values["ra"])
    with h5py.File(path, "w") as file:
        file.create_group("Header").attrs["Halo"] = 6
        group = file.create_group("Stardata")
        group["ID"] = IDS
        group.create_dataset("Name", data=[text or "" for text in STANDARD["name"]], dtype=h5py.string_dtype())
        group["solved"] = np.where(
            STANDARD["astrometric_params_solved"].mask, NAN, STANDARD["astrometric_params_solved"]
        )
        group["HCoordinates"] = np.column_stack([ra, values["dec"], values["parallax"]])
        group["HCoordinates"].attrs["Units"] = "rad, rad, arcsec"
        group["HVelocities"] = np.column_stack([values["pmra"], values["pmdec"], values["radial_velocity"]])
        group["HVelocities"].attrs["Units"] = [b"arcsec/yr", b"arcsec/yr", b"m/s"]
        group["Distance"] = values["catalogue_distance_kpc"]
        group["Distance"].attrs["Units"] = np.bytes_(b"pc")
        group["Metallicity"] = values["feh_dex"]
        group["Metallicity"].attrs["Units"] = "none"


def hdf5_mapping():
    names = ["ra", "dec", "parallax", "pmra", "pmdec", "radial_velocity"]
    columns: dict = dict(NAMES)
    for number, name in enumerate(names):
        columns[name] = {"column": "HCoordinates" if number < 3 else "HVelocities", "index": number % 3}
    columns["catalogue_distance_kpc"] = "Distance"
    columns["feh_dex"] = {"column": "Metallicity", "unit": "dex"}
    return columns
