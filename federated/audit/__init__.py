"""Audits of what a training published: invented users in its corpus, and an attack that tries to find them."""
