"""spider-opt: a Text-to-SQL benchmark harness around Spider 1.0."""

__version__ = "0.1.0"
