"""Maps: grids of cells, moments and medians, maximum-likelihood mean and dispersion, streaming over any number of stars."""
