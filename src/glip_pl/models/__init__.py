"""The model in plain torch.nn: encoders, fusion, dynamic head, grounding head."""
