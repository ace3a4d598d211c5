"""How different the users of a corpus are, measured before anybody trains, and what follows from it."""
