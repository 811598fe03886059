"""Bar and spirals fitted and compared by backward integration (Khalil et al. 2025)."""
