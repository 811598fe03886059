"""Azimuthal structure of a quantity at fixed radius (Hawkins 2023, Sect. 4.2): deviations, waves, significance.

`deviations` takes from each star the mean of all stars near it in R and averages the rest in bins of azimuth; `blocks` finds
what stars near each other share; `waves` fits waves of a wavenumber; `significance` holds both against chance.
"""
