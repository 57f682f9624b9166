"""Measurements: timings never gate a test; they are printed, and written as JSON."""
