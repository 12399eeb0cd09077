"""What a process of a test runs: train_net.py with many odd configurations, one after the other.

Run by ``runpy`` with the global SETTINGS: "config" and "words" (what all cases have), "folder",
"results" (file for a line of JSON a case), "sample" (how many cases; 0: all). Each case runs in a
process that is forked from this one, in which all is loaded.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import random
import re
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.utils.tensorboard  # noqa: F401  # which each case would import
import yaml
from detectron2.engine import defaults

from stma_d2.data import load_ground_truth
from stma_d2.engine import command_line, evaluation
from stma_d2.evaluation import load_detections, run_evaluation

settings = globals()["SETTINGS"]
sys.path.insert(0, settings["here"])

from odd_cases import Case, all_cases  # noqa: E402
from odd_files import file_cases  # noqa: E402

LIMIT = 600.0  # seconds; a busy machine is slow, and the largest networks are
MEMORY = 3 * 2**30  # bytes of addresses beyond those at the start: no more is given
FOLDER = Path(settings["folder"])
CHECKPOINT = FOLDER / "right" / "output" / "model_final.pth"


def words_of(value: Any) -> str:
    """A value as a word of the command line."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    return re.sub(r"\binf\b", "1e999", repr(value))


def nested(changes: list[tuple[str, Any]]) -> dict[str, Any]:
    """Keys and values as a file has them."""
    content: dict[str, Any] = {}
    for key, value in changes:
        node, names = content, key.split(".")
        for name in names[:-1]:
            node = node.setdefault(name, {})
        node[names[-1]] = value
    return content


def write_files(case: Case, folder: Path) -> tuple[str, list[str]]:
    """The case's configuration file, which is written, and its words of the command line."""
    (folder / "taken").touch()
    for name, content in case.files:
        (folder / name).write_bytes(content)
    changes = list(case.changes)
    by_file = [change for change in changes if case.by_file and change[0] in case.keys]
    if by_file:
        content = {"_BASE_": settings["config"], **nested(by_file)}
        (folder / "mine.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
    own = {key for key, _ in by_file}
    given = zip(settings["words"][::2], settings["words"][1::2], strict=True)
    common = [word for key, value in given if key not in own for word in (key, value)]
    common += [] if "OUTPUT_DIR" in own else ["OUTPUT_DIR", str(folder / "output")]
    if case.eval_only:
        common += ["MODEL.WEIGHTS", str(CHECKPOINT)]
    words = [w for k, v in changes if (k, v) not in by_file for w in (k, words_of(v))]
    has_file = by_file or case.files
    config = str(folder / "mine.yaml") if has_file else settings["config"]
    return config, [*common, *words, *case.words]


def run(config: str, words: list[str], eval_only: bool, folder: Path) -> None:
    """The process of a case."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(folder)
    os.environ["HOME"] = str(folder)
    used = int(re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # What takes most of the time and depends on no key.
    defaults.collect_env_info = evaluation.write_plots = lambda *_: ""
    flags = ["--eval-only"] if eval_only else []
    sys.argv = ["train_net.py", *flags, "--config-file", config, *words]
    command_line()


def try_case(case: Case, folder: Path, keep: bool = False) -> dict[str, Any]:
    """Run a case to its end, and say what came of it."""
    folder.mkdir()
    config, words = write_files(case, folder)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=run, args=(config, words, case.eval_only, folder))
    start = time.monotonic()
    process.start()
    process.join(LIMIT)
    if hangs := process.is_alive():
        process.kill()
        process.join()
    outcome, line = outcome_of(case, process.exitcode, folder)
    record = {
        "section": case.section,
        "meaningless": case.meaningless,
        "outcome": "hangs" if hangs else outcome,
        "odd": repr([*case.changes[-2:], case.words or [c for _, c in case.files]])[:300],
        "way": ("file" if case.by_file else "words") + (", --eval-only" if case.eval_only else ""),
        "line": line,
        "seconds": round(time.monotonic() - start, 2),
    }
    if record["outcome"] in ("refused", "ran") and not keep:
        shutil.rmtree(folder)
    return record


def outcome_of(case: Case, status: int | None, folder: Path) -> tuple[str, str]:
    """What came of a case, and what it said."""
    said = (folder / "stderr").read_text(errors="replace").splitlines()
    line = said[-1] if said else ""
    if status == 0:
        return end_of(case, folder), ""
    if status != 1 or any(text.startswith("Traceback") for text in said):
        return "stack traces", line
    errors = [number for number, text in enumerate(said) if text.startswith("error: ")]
    if errors != [len(said) - 1]:
        return "several lines", "\n".join(said[-3:])
    told = any(key in line for key in case.keys)
    if not case.meaningless:  # of keys that do not go together it may name another one
        told = told or re.search(r"\b[A-Z]+(\.[A-Z][A-Z0-9_]+)+\b", line) is not None
    return "refused" if told else "without the key", line


def end_of(case: Case, folder: Path) -> str:
    """Whether a case that ended well has done all that it was to do."""
    if case.meaningless:
        return "taken without meaning"
    for path in folder.rglob("inference/*/metrics.json"):
        metrics = json.loads(path.read_text())["metrics"]
        if not all(math.isfinite(value) for value in metrics.values()):
            return "no numbers"
    if case.eval_only:
        return "ran"
    found = [path for path in folder.rglob("model_final.pth")]
    if len(found) != 1:
        return "not done"
    weights = torch.load(found[0])["model"]
    whole = all(torch.isfinite(weight).all() for weight in weights.values())
    return "ran" if whole else "no numbers"


def sampled(cases: list[Case], count: int) -> list[Case]:
    """So many cases, always the same, and nearly all of them such as are quickly refused."""
    rng = random.Random("sample")
    quick = [number for number, case in enumerate(cases) if case.meaningless]
    slow = [number for number, case in enumerate(cases) if not case.meaningless]
    chosen = [*rng.sample(quick, count - 3), *rng.sample(slow, 3)]
    return [cases[number] for number in sorted(chosen)]


def main() -> None:
    """Try all cases, or a sample of them; the first is a right one, whose checkpoint is used."""
    multiprocessing.set_start_method("fork", force=True)
    torch.set_num_threads(1)
    right = Case("right", (), (), False)
    outcome = try_case(right, CHECKPOINT.parents[1], keep=True)["outcome"]
    if outcome != "ran":
        sys.exit(f"a right configuration: {outcome}, see {CHECKPOINT.parents[1]}")
    (detections,) = CHECKPOINT.parent.glob("inference/*/detections.npz")
    saved = load_detections(detections)  # scored here, so that no case loads the compiled rules
    run_evaluation(saved.tubelets, *load_ground_truth(detections.parent.name), saved.protocol)
    cases = [*file_cases(), *all_cases(settings["config"], settings["words"])]
    if settings["sample"]:
        cases = sampled(cases, settings["sample"])
    with open(settings["results"], "w", buffering=1) as results:
        for number, case in enumerate(cases):
            results.write(json.dumps(try_case(case, FOLDER / str(number))) + "\n")


main()
