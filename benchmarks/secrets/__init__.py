"""Secrets and ordinary messages: how much of the one is masked, and of the other."""
