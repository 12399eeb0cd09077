#!/usr/bin/env python3
"""Train and evaluate the rows of the paper's Tables 2, 3 and 4 at small scale, over several seeds.

    run_ablation.py --iterations 1500 --jobs 2            the project's study, on two cores
    run_ablation.py --jobs 10 --devices cuda:0            the configuration's iterations, on a GPU
    run_ablation.py --tables 2 --seeds 1,2 --iterations 300 --jobs 2
    run_ablation.py --results results --report-only       the project's page and plots again

Each run is a training by train_net.py in a folder of its own, OUTPUT/ROW/seed-SEED. The same
command again takes the finished runs from their folders and goes on with the others from their
checkpoints. RESULTS gets ablations.json, ablations.md and the plots; runs that ablations.json holds
already, from another machine perhaps, count as finished: to train them again, name other RESULTS.
Where the files are no git checkout, STMA_COMMIT in the environment says the commit.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from stma_d2.arguments import argument, given_path
from stma_d2.config.rules import number, whole
from stma_d2.errors import InputError, clear_exit
from stma_d2.files import check_output
from stma_d2.study.plan import LAST_SEED, Run, Settings, check_devices, plan, started
from stma_d2.study.report import STUDY_FILE, write_report
from stma_d2.study.results import add_to_study, read_run, recorded_results
from stma_d2.study.rows import ROWS, TABLES
from stma_d2.study.training import CONSOLE, Ended, train

PROJECT = Path(__file__).resolve().parents[1]
_Item = TypeVar("_Item")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, then write what came out."""
    start = time.monotonic()
    args = _parser().parse_args(arguments)
    args.results = args.results or args.output
    problems = [] if args.report_only else _study(args, start)
    print(f"the study is told in {write_report(args.results)}")
    if problems:
        raise InputError("; ".join(problems))


def _study(args: argparse.Namespace, start: float) -> list[str]:
    """Train; returns what went wrong, a line a run."""
    settings = Settings(args.config_file, args.iterations, args.opts)
    named = {name for number in args.tables for name in TABLES[number].rows}
    runs = plan(settings, args.rows or named, args.seeds, args.output)
    check_devices(args.devices)
    file = args.results / STUDY_FILE
    check_output(file)
    results = recorded_results(settings, file, args.output)
    for run in [*runs, *started(settings, args.output)]:
        if (result := run.result()) is not None:
            results[run.row.name, run.seed] = result
    missing = [run for run in runs if (run.row.name, run.seed) not in results]
    print(f"{len(runs)} runs, of which {len(runs) - len(missing)} are finished", flush=True)
    problems: list[str] = []

    def tell(run: Run, words: str) -> None:
        print(f"[{time.monotonic() - start:.0f} s] {run.name} {words}", flush=True)

    def fail(run: Run, words: str) -> None:
        problems.append(f"{run.name} {words}")
        tell(run, words)

    def told(ended: Ended) -> None:
        run, after = ended.run, f"after {ended.seconds:.0f} s"
        if ended.stopped:
            tell(run, f"is stopped {after}; the same command goes on with it")
        elif ended.problem:
            fail(run, f"failed {after}: {ended.problem} ({run.folder / CONSOLE})")
        else:
            try:
                result = read_run(run, args.jobs)
            except (OSError, ValueError, KeyError) as error:
                fail(run, f"left no result in {run.folder}: {type(error).__name__}: {error}")
                return
            run.finish(result)
            results[run.row.name, run.seed] = result
            add_to_study(settings, file, args.output, results)
            tell(run, f"is finished {after}")

    add_to_study(settings, file, args.output, results)
    script, deadline = PROJECT / "train_net.py", start + args.time_limit
    left = train(missing, script, args.devices, args.jobs, deadline, told)
    if left:
        print(f"the time limit came before {len(left)} runs began; the same command goes on")
    return problems


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--config-file",
        default="Synthetic/STMA_tiny_K5_middle.yaml",
        metavar="FILE",
        help="of the full model and its data sets; default: %(default)s",
    )
    parser.add_argument(
        "--iterations",
        type=argument(whole(1, 10**8)),
        metavar="N",
        help="of every run; default: the configuration's",
    )
    parser.add_argument(
        "--seeds",
        type=_list_of(argument(whole(0, LAST_SEED))),
        default=[1, 2, 3],
        metavar="N,N,...",
        help="default: 1,2,3",
    )
    parser.add_argument(
        "--rows", type=_list_of(_one_of(ROWS)), metavar="ROW,...", help=f"of {', '.join(ROWS)}"
    )
    parser.add_argument(
        "--tables",
        type=_list_of(_one_of(TABLES)),
        default=list(TABLES),
        metavar="TABLE,...",
        help=f"all rows of some of the tables {', '.join(TABLES)}; default: of all",
    )
    parser.add_argument(
        "--devices",
        type=_list_of(str),
        default=["cpu"],
        metavar="DEVICE,...",
        help="that the jobs share out among themselves: cpu, cuda:0, cuda:1; default: cpu",
    )
    parser.add_argument(
        "--jobs",
        type=argument(whole(1, 1024)),
        default=1,
        metavar="N",
        help="runs at a time; default: 1",
    )
    parser.add_argument(
        "--time-limit",
        type=argument(number(0, 10**9)),
        default=float("inf"),
        metavar="SECONDS",
        help="then nothing starts any more, and what is going writes its checkpoint and ends",
    )
    parser.add_argument(
        "--output",
        type=given_path,
        default=PROJECT / "output" / "ablations",
        help="folder of the runs; default: %(default)s",
    )
    parser.add_argument(
        "--results",
        type=given_path,
        help="folder of ablations.json, the page and the plots; default: --output",
    )
    parser.add_argument(
        "--report-only", action="store_true", help="train nothing; page and plots from the JSON"
    )
    parser.add_argument(
        "opts", nargs=argparse.REMAINDER, help="KEY VALUE for all rows; a row's own switches win"
    )
    return parser


def _list_of(read: Callable[[str], _Item]) -> Callable[[str], list[_Item]]:
    """The type of an option with words between commas."""
    return lambda words: list(dict.fromkeys(map(read, words.split(","))))


def _one_of(names: Collection[str]) -> Callable[[str], str]:
    """The type of a word that must be one of ``names``."""

    def read(word: str) -> str:
        if word not in names:
            raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(names)}")
        return word

    return read


if __name__ == "__main__":
    with clear_exit():
        main()
