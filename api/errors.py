"""The service's own error for whoever starts it."""


class ServeError(ValueError):
    """The service cannot start; the message says why and what to do."""
