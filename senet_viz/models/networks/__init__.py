"""The networks of this package: SE units and where they sit in residual, Inception and VGG networks."""
