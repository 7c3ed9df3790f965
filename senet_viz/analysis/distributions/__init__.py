"""How the gates of classes are distributed: panels, one channel, a map of classes and channels, extremes."""
