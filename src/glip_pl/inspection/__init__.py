"""Inspection of data before training (check, stats, browse, export) and reports of results."""
