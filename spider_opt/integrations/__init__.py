"""Where people already look: other harnesses that ask our questions, and trackers that our runs are logged to."""
