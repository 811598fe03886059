"""Simulated catalogues whose truth is known."""

# Columns that every simulated catalogue holds, in the order of the contract "catalogue".
COLUMNS = (
    "source_id",
    "ra",
    "dec",
    "parallax",
    "pmra",
    "pmdec",
    "ra_error",
    "dec_error",
    "parallax_error",
    "pmra_error",
    "pmdec_error",
    "radial_velocity",
    "radial_velocity_error",
    "ruwe",
    "phot_g_mean_mag",
    "feh_dex",
    "feh_error_dex",
)
