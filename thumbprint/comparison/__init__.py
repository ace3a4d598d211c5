"""Every method on the same users and the same budget: from measured rows to the report of `thumbprint compare`."""
