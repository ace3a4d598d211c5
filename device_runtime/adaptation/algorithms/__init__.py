"""How a phone gets from the bundle's start adapters to its owner's adapter: one file for each kind of algorithm."""
