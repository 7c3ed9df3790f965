"""What was found in a recording as one self-contained web page that asks no host for anything."""
