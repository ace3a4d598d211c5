"""`thumbprint simulate --api`: the simulated phones are devices of a running service."""
