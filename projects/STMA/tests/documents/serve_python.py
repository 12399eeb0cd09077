"""Runs the Python programs of the documents' commands, each in a process that starts at once.

serve_python.py SOCKET: a request on the socket names a program's arguments, its folder and its
environment, and carries its standard output and error. Trainings and data sets become small here:
`shortened` appends options, nothing else of a command is changed.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import socket
import sys
import traceback
from typing import Any, NoReturn

from detectron2.data import DatasetCatalog, MetadataCatalog

import stma_d2.data.datasets
import stma_d2.engine
import stma_d2.inference.demo
import stma_d2.visualization.run_report  # noqa: F401

# A network and a schedule of seconds.
TINY = [
    *("MODEL.DEVICE", "cpu", "INPUT.SIZE", "(64, 64)", "INPUT.CLIP_LENGTH", "8"),
    *("MODEL.BACKBONE_3D.STEM_CHANNELS", "8", "MODEL.STMA.HEAD_CHANNELS", "8"),
    *("MODEL.STMA.ACTION.CHANNELS", "8", "MODEL.STMA.ACTION.FUSED_CHANNELS", "16"),
    *("SOLVER.MAX_ITER", "2", "SOLVER.IMS_PER_BATCH", "4", "SOLVER.AMP.ENABLED", "False"),
    *("DATALOADER.NUM_WORKERS", "0", "TEST.EXPECTED_RESULTS", "[]"),
    *("TEST.LINKING.MIN_TUBELET_SCORE", "0.0"),
]
# The trained network in a tenth of the time.
COARSE = ["MODEL.DEVICE", "cpu", "TEST.CLIP_STRIDE", "16", "DATALOADER.NUM_WORKERS", "0"]


def shortened(words: list[str]) -> list[str]:
    """The arguments with what makes them quick."""
    program = os.path.basename(words[0])
    if program == "make_synthetic_actions.py":
        return [*words, "--num-train", "4", "--num-val", "3", "--image-size", "64"]
    trains = program == "train_net.py" and "--eval-only" not in words
    if not trains and any("model_zoo/trained" in word for word in words):
        return [*words, *COARSE]
    if "--eval-only" in words:  # by the configuration that a training left
        return words
    if trains and not is_scored(words):
        return [*words, *TINY, "DATASETS.TEST", "()"]
    if program in ("train_net.py", "visualize_data.py"):
        return [*words, *TINY]
    if program == "demo.py":
        coarse = [] if "--stream" in words else ["TEST.CLIP_STRIDE", "16"]
        return [*words, "--min-score", "0.02", "--device", "cpu", *coarse]
    return words


def is_scored(words: list[str]) -> bool:
    """Whether later commands ask for the evaluation at a training's end."""
    config = words[words.index("--config-file") + 1]
    return config.endswith(("/STMA_tiny_K5.yaml", "/STMA_small_K5.yaml")) and (
        "MODEL.BACKBONE.NAME" not in words
    )


def run(words: list[str]) -> NoReturn:
    """Do what ``python WORDS`` does, and end this process."""
    try:
        if words[0] == "-c":
            sys.argv, sys.path = ["-c", *words[2:]], ["", *sys.path]
            exec(words[1], {"__name__": "__main__"})
        else:
            sys.argv = shortened(words)
            sys.path.insert(0, os.path.dirname(os.path.realpath(words[0])))
            runpy.run_path(words[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def serve(request: dict[str, Any], streams: list[int]) -> int:
    """Run one program in a child; its exit status."""
    child = os.fork()
    if not child:
        os.dup2(streams[0], 1)
        os.dup2(streams[1], 2)
        os.chdir(request["folder"])
        words, environment = request["words"], request["environment"]
        os.environ.clear()
        os.environ.update(environment)
        if "DETECTRON2_DATASETS" in environment:  # read when the data sets are imported
            DatasetCatalog.clear()
            MetadataCatalog.clear()
            importlib.reload(stma_d2.data.datasets)
        run(words)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Serve until the end; the package is loaded by now."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(sys.argv[1] + ".new")
        server.listen()
        os.rename(sys.argv[1] + ".new", sys.argv[1])  # whoever sees the name can connect
        while True:
            connection, _ = server.accept()
            with connection:
                content, streams, _, _ = socket.recv_fds(connection, 2**16, 2)
                while part := connection.recv(2**16):
                    content += part
                status = serve(json.loads(content), streams)
                for stream in streams:
                    os.close(stream)
                connection.sendall(str(status).encode())


if __name__ == "__main__":
    main()
