"""The figures of the chapters: pure functions from parameters to a figure."""
