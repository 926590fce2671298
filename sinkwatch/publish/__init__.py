"""The published site: one run's findings as pages, map and downloads."""
