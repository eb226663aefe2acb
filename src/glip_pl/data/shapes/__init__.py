"""ShapesWorld: a small synthetic dataset in the file formats of real datasets."""
