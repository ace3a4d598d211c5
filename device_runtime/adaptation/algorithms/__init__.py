"""How a phone comes from the bundle's starts to its owner's adapter: one file an algorithm, `algorithms` by name."""
