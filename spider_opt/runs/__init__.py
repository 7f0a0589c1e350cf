"""Runs: a method's answers to a benchmark, in a folder on disk, and what can be read from it."""
