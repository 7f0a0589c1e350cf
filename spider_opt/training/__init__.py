"""Fine-tuning: what to learn from, and how."""
