"""Pure torch.nn: encoders, fusion, dynamic head, grounding head."""
