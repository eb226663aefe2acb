"""Prompts: from category names and captions to phrases and tokens."""
