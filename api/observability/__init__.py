"""The service's log and its metrics. Neither contains anything that a user typed."""
