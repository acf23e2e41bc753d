"""Faces in pictures, for every room that meets photos: find, follow, align, parse. It knows nothing of the engine."""
