"""Trackers of experiments, with pictures, tables and the runs of resumed trainings."""
