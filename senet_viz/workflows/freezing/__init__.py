"""Freeze advice: a greedy search for the gates that constants can replace, on one half of the images, confirmed on the other."""
