"""Requests and answers, one module for each concept. Requests are validated strictly: unknown keys are errors."""
