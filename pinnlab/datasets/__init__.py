"""Samples of families of problems, in memory and in files."""
