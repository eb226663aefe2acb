"""From settings to a run: composing and checking settings, building objects, writing results."""
