"""Kills phones and the service at random instants: `python -m benchmarks.kill --kills 2000`."""
