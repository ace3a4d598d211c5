"""Differential privacy of a training: the noise, how much privacy it costs, and the ledger of what was spent."""
