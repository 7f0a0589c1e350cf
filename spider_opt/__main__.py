"""``python -m spider_opt`` is the command ``spider-opt``."""

from spider_opt.cli import main

main(prog_name="spider-opt")
