"""Training: of the zoo's models here; the loop, its checkpoints and its progress are shared."""
