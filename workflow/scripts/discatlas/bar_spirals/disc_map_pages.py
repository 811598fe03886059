"""The pages of maps of the disc, where the workflow finds them without a plotting library."""

DISC_MAP_PAGES = ("radial", "action", "azimuthal")  # of a map that has data
WIDE_PAGES = ("wide",)  # of any map
