#!/usr/bin/env python3
"""Turn annotations of labelling tools and data sets into ours, and back; see --help."""

from stma_d2.convert_annotations import command_line

if __name__ == "__main__":
    command_line()
