"""Training: the steps, the one loop that runs them, and the folder that a run leaves."""
