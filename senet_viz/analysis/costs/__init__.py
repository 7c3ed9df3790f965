"""What SE units cost in weights, biases and operations, by formula: without a network, for any r, depth and placement."""
