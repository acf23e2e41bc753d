"""Your face, a character's expression: the expression room. This file holds nothing; predict.py is the way in."""
