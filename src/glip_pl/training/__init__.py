"""Training with Lightning: the module, the evaluator, the optimizer and its schedule, callbacks."""
