"""Lightning: module, optimizer, callbacks."""
