"""Messages of long jobs while they run."""
