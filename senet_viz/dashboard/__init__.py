"""Pages that render what the floors below computed."""
