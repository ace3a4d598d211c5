"""How a phone comes from the bundle's start adapters to its owner's adapter: one file per algorithm."""
