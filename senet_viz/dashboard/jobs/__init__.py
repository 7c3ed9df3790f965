"""Recordings as jobs of their own: planned, started, watched, cancelled, resumed; and a folder of recordings kept in order."""
