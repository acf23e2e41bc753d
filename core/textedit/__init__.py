"""Say it, and the face changes: the textedit room. This file holds nothing; see config.py, networks.py and predict.py."""
