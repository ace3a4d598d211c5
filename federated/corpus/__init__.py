"""Messages by user: importing them from what people have, storing them, reading a client at a time."""
