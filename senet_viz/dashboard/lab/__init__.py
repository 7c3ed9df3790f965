"""Parts of the page Gate lab."""
