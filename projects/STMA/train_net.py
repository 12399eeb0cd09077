#!/usr/bin/env python
"""Train or evaluate STMA; takes Detectron2's own arguments, and runs under torchrun too."""

from detectron2.engine import default_argument_parser

from stma_d2.engine import main, run

if __name__ == "__main__":
    run(main, default_argument_parser().parse_args())
