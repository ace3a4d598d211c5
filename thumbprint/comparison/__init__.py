"""Measures every personalization method on the same users with the same budget, for `thumbprint compare`."""
