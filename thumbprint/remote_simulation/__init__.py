"""`thumbprint simulate --api`: trials on the phones of a running service."""
