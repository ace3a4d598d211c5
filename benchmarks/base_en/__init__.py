"""Makes the English base that comes with Thumbprint, and its model card."""
