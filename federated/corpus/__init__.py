"""Corpora: messages by user, imported from other formats, stored in one SQLite file, read one user at a time."""
