"""Words in: what a model is shown."""
