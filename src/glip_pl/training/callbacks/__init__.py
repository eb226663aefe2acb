"""Lightning callbacks: checkpoints, the moving average, pictures, progress."""
