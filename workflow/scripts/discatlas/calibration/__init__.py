"""Calibration: how often the 68 % intervals of every estimator contain the truth, over many small simulations.

`registry` lists the studies and runs them, `coverage` counts. A study draws one small simulation after the other, each
from a random stream of its own, hands it to the estimators as the rules do, and returns value, interval and truth. The
intervals of one row of the table are independent of each other: one for each star, cell or simulation.
"""
