"""The least work that could do the same operation, written plainly. Measured in the same run, just before ours."""
