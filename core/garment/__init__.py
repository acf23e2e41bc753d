"""Draw a cut, give it a cloth: the garment room. This file holds nothing; see config.py and networks.py."""
