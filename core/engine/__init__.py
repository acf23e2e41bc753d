"""The engine: people, garments and scenes that do not exist, drawn from a seed with every label known."""
