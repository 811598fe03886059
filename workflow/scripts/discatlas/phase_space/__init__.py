"""Phase space from observables: conversion, linear error propagation and Monte-Carlo errors.

The work is done in compiled kernels, parallel over stars; results are bitwise the same for any number of threads and
any batching. All conventions are those of `discatlas.frames`.
"""

from discatlas.phase_space.linear import convert, propagate
from discatlas.phase_space.names import (
    COORDINATES,
    correlation_columns,
    error_columns,
    input_columns,
    percentile_columns,
)
from discatlas.phase_space.sampled import sample_percentiles

__all__ = [
    "COORDINATES",
    "convert",
    "correlation_columns",
    "error_columns",
    "input_columns",
    "percentile_columns",
    "propagate",
    "sample_percentiles",
]
