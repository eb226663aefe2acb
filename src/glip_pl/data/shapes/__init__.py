"""ShapesWorld: a small generated universe in the real file formats."""
