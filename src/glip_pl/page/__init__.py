"""The page on which people try a model in a browser."""
