"""A benchmark, a method and a model to a run: what the commands call, and what Python does.

``running`` has ``evaluate``, ``scoring_files`` has ``score``, which loads nothing of models.
"""
