"""The pages of ridges of moving groups, where the workflow finds them without a plotting library."""

MODEL_PAGES = ("model",)  # without a sample
RIDGE_PAGES = ("model", "sample", "planes")
