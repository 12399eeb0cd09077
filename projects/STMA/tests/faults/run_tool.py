"""What a process of a test runs: a command of ``tools/``.

Run by ``runpy`` with the global SETTINGS: "script", "arguments", "log" (file for the output).
"""

import multiprocessing
import os
import runpy
import sys

settings = globals()["SETTINGS"]
# Workers start as they do in a process that was not started by another.
multiprocessing.set_start_method("fork", force=True)
log = os.open(settings["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.dup2(log, 1)
os.dup2(log, 2)
sys.argv = [settings["script"], *settings["arguments"]]
runpy.run_path(settings["script"], run_name="__main__")
