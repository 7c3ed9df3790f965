"""A few images' gates against a recording: distances, nearest class profiles, places in its distribution."""
