"""Files that appear whole or not at all, and what is refused as an output."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import threading

import pytest

from stma_d2.errors import InputError
from stma_d2.files import (
    atomic_folder,
    atomic_write,
    check_output,
    file_sha256,
    scratch_folder,
)


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic_write(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_names_the_file(tmp_path):
    """The system names none where a disk is full."""
    with pytest.raises(OSError) as full, atomic_write(tmp_path / "file"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (full.value.errno, full.value.filename) == (errno.ENOSPC, str(tmp_path / "file"))


def test_a_new_file_and_another_old_one_are_good_outputs(tmp_path):
    (tmp_path / "in").touch()
    (tmp_path / "old").touch()
    check_output(tmp_path / "old", tmp_path / "in")
    check_output(tmp_path / "new/folder/out", tmp_path / "in", tmp_path / "absent")
    assert sorted(os.listdir(tmp_path)) == ["in", "old"]


@pytest.mark.parametrize("make", ["same", "symlink", "hardlink", "dotted"])
def test_an_output_that_is_the_input_is_refused_under_any_name(tmp_path, make):
    source, output = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"video")
    if make == "symlink":
        output.symlink_to(source)
    elif make == "hardlink":
        os.link(source, output)
    else:
        output = source if make == "same" else tmp_path / "x" / ".." / "in"
        (tmp_path / "x").mkdir()
    with pytest.raises(InputError, match="is the input itself"):
        check_output(output, "0", source)


def test_folders_and_devices_are_refused_as_outputs(tmp_path):
    for path in (tmp_path, "/dev/null"):
        with pytest.raises(InputError, match="is a folder or device"):
            check_output(path)


def test_an_output_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/out cannot be written in .*file: Not a directory"):
        check_output(tmp_path / "file" / "out")
    with pytest.raises(InputError, match=r"/proc/out cannot be written in /proc"):
        check_output("/proc/out")
    monkeypatch.setattr(os, "access", lambda *_: False)  # the superuser may write every file
    with pytest.raises(InputError, match="file exists and is read-only"):
        check_output(tmp_path / "file")


def test_a_scratch_folder_is_gone_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), scratch_folder(tmp_path, "name") as folder:
        (folder / "file").touch()
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_the_scratch_folder_of_a_killed_process_is_removed_and_that_of_a_living_one_stays(tmp_path):
    context = multiprocessing.get_context("fork")
    is_there = context.Event()

    def work():
        with scratch_folder(tmp_path, "name"):
            is_there.set()
            context.Event().wait()

    process = context.Process(target=work)
    process.start()
    assert is_there.wait(60)
    (others,) = tmp_path.iterdir()
    with scratch_folder(tmp_path, "name") as ours:
        assert set(tmp_path.iterdir()) == {others, ours}
    process.kill()
    process.join()
    assert list(tmp_path.iterdir()) == [others]
    with scratch_folder(tmp_path, "name") as ours:
        assert list(tmp_path.iterdir()) == [ours]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "with [brackets]"
    with pytest.raises(RuntimeError), atomic_folder(path) as folder:
        (folder / "file").touch()
        raise RuntimeError
    assert not list(path.parent.iterdir())
    with atomic_folder(path) as folder:
        (folder / "file").touch()
        assert not path.exists()
    assert list(path.parent.iterdir()) == [path] and list(path.iterdir()) == [path / "file"]
    with pytest.raises(OSError, match="not empty"), atomic_folder(path) as folder:
        (folder / "other").touch()
    assert list(path.parent.iterdir()) == [path] and list(path.iterdir()) == [path / "file"]


def test_only_rests_of_its_own_name_are_removed(tmp_path):
    """A name is no pattern, and a folder without a lock is somebody else's."""
    own = [tmp_path / f".{name}.scratch-rest" for name in ("[ab]", "a", "[ab]-1")]
    others = [tmp_path / name for name in (".[ab]-2025", ".[ab]", ".[ab].scratch-mine")]
    for folder in (*own, *others):
        folder.mkdir()
        (folder / "file").touch()
    for folder in own:
        (folder / "lock").touch()
    with scratch_folder(tmp_path, "[ab]") as scratch:
        assert {*tmp_path.iterdir()} == {scratch, *own[1:], *others}
    assert all((folder / "file").exists() for folder in (*own[1:], *others))


def fill(path, count, failures):
    for number in range(count):
        try:
            with atomic_folder(path) as folder:
                (folder / "file").write_text(str(number))
        except OSError as error:
            if error.errno != errno.ENOTEMPTY or str(error.filename2) != str(path):
                failures.append(repr(error))


def test_threads_that_write_one_folder_leave_one_whole_and_no_rest(tmp_path):
    """Each cleans up before it begins, while the others write."""
    failures = []
    threads = [
        threading.Thread(target=fill, args=(tmp_path / "n", 100, failures)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(tmp_path.iterdir()) == [tmp_path / "n"]
    assert list((tmp_path / "n").iterdir()) == [tmp_path / "n" / "file"]


def test_the_digest_is_of_the_files_bytes(tmp_path):
    content = os.urandom(3_000_000)  # more than is read at once
    (tmp_path / "a").write_bytes(content)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()
    assert file_sha256(tmp_path / "a", 7) == hashlib.sha256(content[:7]).hexdigest()
