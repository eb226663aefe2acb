"""Prompts: captions, phrases, tokens."""
