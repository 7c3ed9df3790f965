"""Images: the one safe decoder, labelled sources, their labels, and batches of them."""
