"""Dynamics: axisymmetric potentials behind one engine, bar and spiral modes, orbits, actions."""
