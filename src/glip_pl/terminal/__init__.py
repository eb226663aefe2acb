"""What long jobs tell while they run."""
