"""Simulated galaxies and surveys whose truth is known."""
