"""Names of the pages of the figures of smoothed maps and of spiral responses."""

SMOOTHED_PAGES = ("smoothed", "unsmoothed")
RESPONSE_PAGES = ("maps", "corner", "spread", "resonances", "loci", "gallery", "parameters", "degeneracies")
