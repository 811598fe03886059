"""The names of the pages that a velocity field is drawn on."""

PAGES = (
    "value",
    "first",
    "second",
    "oort",
    "north_minus_south",
    "significance",
    "radii",
    "profiles",
    "profiles_second",
)
