"""Gradients of metallicity: straight, broken and curved lines through stars with errors in both coordinates.

Names
-----
x is R or |Z| [kpc], y a metallicity [dex]; u = x - pivot, the pivot being the mean x of the stars.
linear      y = value + slope u
broken      the same up to u = break, and from there on with outer_slope
quadratic   y = value + slope u + curvature u^2 / 2: its slope is that at the pivot
scatter     standard deviation of the true y about the line at a given x; Hogg's lambda, across the line, is
            scatter / sqrt(1 + slope^2)
"""

MODELS = {
    "linear": ("slope", "value", "scatter"),
    "broken": ("slope", "value", "break", "outer_slope", "scatter"),
    "quadratic": ("slope", "value", "curvature", "scatter"),
}
LIKELIHOODS = ("hogg2010", "robotham2015", "kelly2007")
X_COLUMNS = ("R_kpc", "abs_Z_kpc")
PARAMETERS = {
    "slope": "slope_dex_per_kpc",
    "intercept": "intercept_dex",
    "scatter": "scatter_dex",
    "break": "break_kpc",
    "outer_slope": "outer_slope_dex_per_kpc",
    "curvature": "curvature_dex_per_kpc2",
}
