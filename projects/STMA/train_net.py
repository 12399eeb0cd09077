#!/usr/bin/env python
"""Train or evaluate STMA; takes Detectron2's own arguments, and runs under torchrun too."""

from stma_d2.engine import command_line

if __name__ == "__main__":
    command_line()
