"""Parts of the page Compare images."""
