"""Lightning: the training module, optimizer, callbacks."""
