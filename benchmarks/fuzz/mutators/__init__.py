"""Mutators: each damages one kind of data, knowing its structure."""
