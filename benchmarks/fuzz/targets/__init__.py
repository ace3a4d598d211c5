"""The targets: each knows how one part of the program reads what others wrote, and with which errors it may refuse."""
