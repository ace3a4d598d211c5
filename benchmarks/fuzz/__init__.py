"""Feeds damaged and hostile input to every reader of this project: `python -m benchmarks.fuzz --minutes N`."""
