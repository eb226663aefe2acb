"""From settings to a run: composing, checking, building, finding runs, writing results."""
