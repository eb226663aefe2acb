"""Files: written whole or not at all, hashed, claimed by one job, shipped with the package."""
