"""What every request and answer has in common: errors in one format, and limits of requests."""
