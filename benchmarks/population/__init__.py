"""How time and memory of a training grow with the number of users."""
