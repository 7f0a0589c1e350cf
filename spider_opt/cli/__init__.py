"""The command line: one file a command; parse, call, print."""

from spider_opt.cli.group import main

__all__ = ["main"]
