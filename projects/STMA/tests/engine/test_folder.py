"""OUTPUT_DIR: it can be written, holds files alone, and is one training's."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import socket

import pytest

from stma_d2.engine.folder import check_output_dir, check_weights_stay, folder_lock, only_training
from stma_d2.errors import InputError


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="OUTPUT_DIR .*file/output cannot be written"):
        check_output_dir(str(tmp_path / "file" / "output"))
    check_output_dir(str(tmp_path / "new" / "output"))
    assert os.listdir(tmp_path / "new" / "output") == []


@pytest.mark.parametrize("name", ["log.txt", "last_checkpoint", "metrics.json", "a.pth"])
def test_a_pipe_in_the_folder_is_refused_whatever_it_is_called(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=f"{name} is a pipe, socket or device and no file"):
        check_output_dir(str(tmp_path))


def test_weights_that_the_training_writes_over_are_refused(tmp_path, monkeypatch):
    output = tmp_path / "output"
    output.mkdir()
    (tmp_path / "link").symlink_to(output)
    monkeypatch.chdir(tmp_path)
    for name in ("model_final.pth", "model_best.pth", "model_0000009.pth"):
        for weights in (f"output/{name}", f"{output}/{name}", f"link/../output/{name}"):
            for path in (weights, f"file://{weights}"):
                with pytest.raises(InputError, match="MODEL.WEIGHTS .*over.*another OUTPUT_DIR"):
                    check_weights_stay(path, "link")
    for weights in ("", "output/init.pkl", "other/model_final.pth", "https://a.b/model_final.pth"):
        check_weights_stay(weights, "output")
    check_weights_stay(f"file://{tmp_path}/other/model_final.pth", "output")


def test_links_are_what_they_lead_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    (tmp_path / "folder").mkdir()
    (tmp_path / "to_folder").symlink_to("folder")
    (tmp_path / "to_nothing").symlink_to("none")
    check_output_dir(str(tmp_path))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("folder/socket")
    (tmp_path / "to_socket").symlink_to("folder/socket")
    with pytest.raises(InputError, match="to_socket is a pipe, socket"):
        check_output_dir(str(tmp_path))


def hold(folder, connection, theirs):
    theirs.close()
    with only_training(folder):
        # What a worker of a data loader does, which a killed training leaves behind.
        if os.fork() == 0:
            os.read(connection.fileno(), 1)
            os._exit(0)
        connection.send("held")
        connection.recv()


def test_a_second_training_is_refused_until_the_first_is_gone_however_it_ends(tmp_path):
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    first = context.Process(target=hold, args=(str(tmp_path), theirs, ours))
    first.start()
    theirs.close()
    assert ours.recv() == "held"
    with pytest.raises(InputError, match=f"another training is going on in OUTPUT_DIR {tmp_path};"):
        with only_training(str(tmp_path)):
            pytest.fail("it began")
    with only_training(str(tmp_path.parent)):
        pass
    first.kill()
    first.join()  # (with a time limit it would wait for the worker too)
    with only_training(str(tmp_path)):
        pass
    ours.close()  # ends the worker


def test_a_file_system_without_locks_stops_no_training(tmp_path, monkeypatch, caplog):
    def lockf(file, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", lockf)
    with folder_lock(tmp_path) as free:
        assert free
    assert "training.lock cannot be locked" in caplog.text
