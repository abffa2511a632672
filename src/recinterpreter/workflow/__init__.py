"""What the Snakefile imports; standard library only."""
