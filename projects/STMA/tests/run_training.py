"""What a process of a test runs: train_net.py, telling each iteration's loss.

Run by ``runpy`` with the global SETTINGS: "arguments" (the command line's words), "log" (file for
the output), "losses" (file for a line "iteration loss" an iteration), "environment" (variables).
"""

import multiprocessing
import os
import sys

from detectron2.engine import hooks

from stma_d2.engine import Trainer, command_line

settings = globals()["SETTINGS"]
os.environ.update(settings["environment"])
# Workers start as they do in a process that was not started by another.
multiprocessing.set_start_method("fork", force=True)
log = os.open(settings["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.dup2(log, 1)
os.dup2(log, 2)
sys.argv = ["train_net.py", *settings["arguments"]]

build_hooks = Trainer.build_hooks


def build_hooks_and_ours(trainer):
    def tell(trainer):
        loss, iteration = trainer.storage.latest().get("total_loss", (None, None))
        if iteration == trainer.iter:  # on the main process
            with open(settings["losses"], "a") as file:
                file.write(f"{iteration} {loss!r}\n")

    return [hooks.CallbackHook(after_step=tell), *build_hooks(trainer)]


Trainer.build_hooks = build_hooks_and_ours
command_line()
