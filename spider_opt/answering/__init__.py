"""What the steps of a method share: demos and drafts, samples, what came of running them."""
