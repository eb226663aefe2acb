"""From the output of a model to boxes: decoding, drawing, and prediction for given texts."""
