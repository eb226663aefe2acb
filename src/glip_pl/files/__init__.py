"""Files of any kind: written whole or not at all, claimed, hashed, shipped with the package."""
