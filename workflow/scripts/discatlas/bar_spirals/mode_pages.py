"""Names of the pages of the figures of fitted spiral modes."""

MODES_PAGES = ("convergence", "maps", "parameters")
