"""The pages of the figures of a gradient, by name: their files are named after them."""

PAGES = ("slopes", "lines", "corner", "models")
