"""How the head model is made: a mesh of our own, regions, controllers; ``training.recipes.head`` joins them."""
