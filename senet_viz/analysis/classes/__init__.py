"""Classes: how distinct their gates are along the depth, which are near each other, and which are confused."""
