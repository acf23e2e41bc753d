"""One photo to a 3D face."""
