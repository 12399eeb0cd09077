#!/usr/bin/env python
"""Draw the action tubes of a video into an H.264 file that a browser plays."""

from stma_d2.inference.demo import command_line

if __name__ == "__main__":
    command_line()
