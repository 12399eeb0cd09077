"""The figures of tools/benchmark.py, a module each: ``add_arguments(parser)``, ``run(args)``."""
