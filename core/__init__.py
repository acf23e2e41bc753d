"""What the systems are: tensors and numpy. No screen, no database, no environment variables.

A folder is a system (a room) or one of three shared workshops (``ops``, ``engine``, ``face``); a flat file is
vocabulary that several rooms share.
"""
