"""Workers that hang or die end in an error that says why."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import time

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from stma_d2.data.safe_mapping import Whereabouts
from stma_d2.engine.loading import prepare_workers, worker_failures_named
from stma_d2.errors import InputError


@pytest.fixture(autouse=True)
def news_of_dead_workers():
    """Every test has PyTorch's handler, which a failure takes away."""
    list(DataLoader([0], num_workers=1))
    handler = signal.getsignal(signal.SIGCHLD)
    yield
    gc.collect()  # the failed loader, of which PyTorch would go on telling
    signal.signal(signal.SIGCHLD, handler)


class Items(Dataset):
    """Four numbers, the last of which comes after something happened in the worker."""

    def __init__(self, happens):
        self.happens = happens
        self.whereabouts = Whereabouts(self.at, num_workers=1)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.whereabouts({"video": {"video_id": f"clips/{index}"}, "index": index})

    def at(self, item):
        if item["index"] == 3:
            self.happens()
        return item["index"]


def make_loader(happens, **options):
    loader = DataLoader(Items(happens), **options)
    loader.whereabouts = loader.dataset.whereabouts
    return loader


def read(happens, timeout=60):
    loader = prepare_workers(make_loader(happens, num_workers=1), timeout)
    with worker_failures_named(loader):
        return [item.item() for item in loader]


def hang():
    signal.alarm(3)  # the test's own end
    while True:
        time.sleep(1)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def run_out_of_memory():
    os.kill(os.getpid(), signal.SIGBUS)


@pytest.mark.parametrize(
    ("happens", "timeout", "cause"),
    [
        (hang, 1, r"no batch came within DATALOADER\.TIMEOUT.*hangs"),
        (kill, 60, "worker was killed"),
        (run_out_of_memory, 60, "worker was killed.*/dev/shm"),
    ],
)
def test_what_happened_to_a_worker_is_told_with_the_video(happens, timeout, cause):
    with pytest.raises(InputError, match=rf"{cause}.*; it was at video 'clips/3'$"):
        read(happens, timeout)


def raised(error):
    loader = make_loader(lambda: None)
    with pytest.raises(type(error)) as caught, worker_failures_named(loader):
        raise error
    return caught.value


@pytest.mark.parametrize(
    "message",
    [
        "unable to open shared memory object </torch_1>: Too many open files (24)",
        "received 0 items of ancdata",
    ],
)
def test_a_want_of_descriptors_is_told(message):
    with pytest.raises(InputError, match="file descriptors.*ulimit"):
        raised(RuntimeError(message))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback ..."),
        FileNotFoundError(2, "No such file or directory", "rgb-images/a/00003.jpg"),
        InputError("video 'a': no frame 3"),
    ],
    ids=["a bug", "a missing file", "a bad video"],
)
def test_other_errors_stay_as_they_are(error):
    assert raised(error) is error


def end_politely():
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_worker_goes_on_after_a_signal_that_every_process_gets():
    assert read(end_politely) == [0, 1, 2, 3]


def test_a_workers_own_start_is_kept():
    def start(worker_id):
        torch.manual_seed(17)

    loader = make_loader(lambda: None, num_workers=1, worker_init_fn=start)
    loader.dataset.happens = lambda: torch.initial_seed() == 17 or pytest.fail("other seed")
    assert len(list(prepare_workers(loader, 60))) == 4


def test_without_workers_nothing_changes():
    loader = make_loader(lambda: None)
    assert len(list(prepare_workers(loader, 60))) == 4


def read_for_ever(connection):
    """Reads batches that do not fit into a pipe; the workers have the ``connection`` too."""
    loader = DataLoader([b"x" * 2**18] * 1000, batch_size=1, num_workers=2, collate_fn=list)
    batches = iter(prepare_workers(loader, 60))
    next(batches)
    connection.send("begun")
    time.sleep(60)


def test_workers_end_with_a_training_that_is_killed():
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    training = context.Process(target=read_for_ever, args=(theirs,))
    training.start()
    theirs.close()
    assert ours.recv() == "begun"
    training.kill()
    assert ours.poll(10), "the workers live on"
    with pytest.raises(EOFError):
        ours.recv()
