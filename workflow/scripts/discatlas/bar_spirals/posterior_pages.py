"""Names of the pages of the figures of a posterior of spiral modes."""

POSTERIOR_PAGES = ("corner", "maps", "emulator", "degeneracies", "variants")
