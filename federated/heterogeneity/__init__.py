"""How the users of a corpus differ, measured before any training, and which method suits them."""
