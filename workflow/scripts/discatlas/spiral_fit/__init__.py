"""Fits of the linear response to a spiral to a map of v_R (Tang et al. 2026).

The response at a fixed pattern speed, pitch angle and scale length is v_R = Re{G(R) exp(i m phi)} with one complex
function G of the radius (`discatlas.spiral_response`). A cell of the map is the mean of v_R over the stars of its window.
That mean is linear in G, so with G given at a few hundred radii (`nodes`) every cell is a row of one matrix, exact over
its stars whatever their number, and chi^2 is a quadratic form in G whose matrix is made once (`likelihood`): a
likelihood costs the same for any number of cells, with or without the covariance of overlapping windows.

`parameters` holds the model and its priors, `masks` which cells are fitted, `covariance` the errors of overlapping
windows, `reduction` the factor of a warm disc, `sampling` the nested sampling, `ensemble` a second way to the posterior,
`optimum` the best point, `evidence` the axisymmetric null and other measures of the fit, `predictions` what the fitted
spiral implies, `reference` the same likelihood by plain numpy, and `setting` makes all of it from tables.
"""
