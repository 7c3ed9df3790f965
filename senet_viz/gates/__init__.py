"""Gates of SE networks while these run: found, each proved to satisfy out = s·x, recorded, and moved."""
