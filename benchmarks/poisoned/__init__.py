"""What poisoned clients do to the shared model, with each aggregator."""
