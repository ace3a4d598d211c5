"""Requests and answers, one module for each group of endpoints. Unknown keys in a request are errors."""
