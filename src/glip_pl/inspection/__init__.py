"""Looking at data before anything trains on them: check, stats, browse, export."""
