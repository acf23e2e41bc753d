"""How the systems of ``core`` learn: recipes, the one loop, run folders, measures and benches."""
