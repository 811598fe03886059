"""Figures: one style, labels with units, maps, profiles, flow charts, and an audit that reads them back."""
