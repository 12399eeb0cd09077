"""Only data is read, whatever wrote it; anything else is refused before it runs."""

from __future__ import annotations

import os
import pickle
import tracemalloc
from collections import OrderedDict, defaultdict

import numpy as np
import pytest

from stma_d2.errors import InputError
from stma_d2.safe_pickle import UnsafePickleError, load_plain_pickle

# What Python 2.7 with numpy 1 writes at protocol 2 for {"x": numpy.array([[1, 2], [3, 4]], "<f4")},
# put down by hand from the documented opcodes.
PYTHON2_PICKLE = (
    b"\x80\x02}q\x01U\x01xq\x02"
    b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87R"
    b"(K\x01K\x02K\x02\x86cnumpy\ndtype\nq\x05U\x02f4K\x00K\x01\x87R"
    b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
    b"U\x10\x00\x00\x80?\x00\x00\x00@\x00\x00@@\x00\x00\x80@tbs."
)


@pytest.fixture
def load(tmp_path):
    def load_bytes(content: bytes):
        path = tmp_path / "data.pkl"
        path.write_bytes(content)
        return load_plain_pickle(path)

    return load_bytes


def test_a_pickle_of_python_2_is_read(load):
    data = load(PYTHON2_PICKLE)
    assert list(data) == ["x"]
    assert data["x"].dtype == np.float32
    assert data["x"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_gives_back_every_kind_of_data(load, protocol):
    written = {
        "numbers": [1, -(2**40), 2.5, True, None, np.float32(0.1), np.int64(7)],
        "text": ("a", "\u00e9", b"\xff\x00", b"", np.str_("Run")),
        "ordered": OrderedDict(b=1, a=2),
        "default": defaultdict(list, {3: [4]}),
    }
    read = load(pickle.dumps(written, protocol))
    assert read == written
    assert list(read["ordered"]) == ["b", "a"]
    assert type(read["ordered"]) is type(read["default"]) is dict


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("number_type", ["<f4", ">f4", "<f8", ">i2", "u1", "?", "<i8", "<U3"])
def test_every_protocol_gives_back_arrays_exactly(load, protocol, number_type):
    array = (np.arange(12).reshape(3, 4) % 5).astype(number_type)
    for written in (array, np.asfortranarray(array), array[:, ::2], array[0, 0:1]):
        read = load(pickle.dumps([written], protocol))[0]
        assert isinstance(read, np.ndarray)
        assert read.dtype.newbyteorder("=") == written.dtype.newbyteorder("=")
        np.testing.assert_array_equal(read, written)


class _Runs:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_is_refused_and_not_run(load, tmp_path, protocol):
    marker = tmp_path / "it-ran"
    with pytest.raises(UnsafePickleError, match=r"data\.pkl.*mkdir"):
        load(pickle.dumps({"labels": [_Runs(os.mkdir, str(marker))]}, protocol))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (_Runs(eval, "1 + 1"), "builtins.eval"),
        (_Runs(getattr, [], "append"), "builtins.getattr"),
        (_Runs(np.load, "x.npy"), "numpy.load"),
        (np.dtype([("f", "<f4")]), "V4"),
        (np.array([1, "a"], dtype=object), "O8"),
        ({(1, 2): "x"}, "a dict with a tuple as its key"),
        ({1, 2}, "EMPTY_SET"),
        (complex(1, 2), "builtins.complex"),
        (ValueError("x"), "builtins.ValueError"),
        (os.path.join, "posixpath.join"),
    ],
)
def test_anything_but_plain_data_is_refused_by_its_name(load, value, name):
    with pytest.raises(UnsafePickleError, match=rf"data\.pkl: refused.*{name}"):
        load(pickle.dumps({"x": value}))


def test_a_dotted_name_does_not_reach_past_what_is_admitted(load):
    content = b"\x80\x04\x8c\x05numpy\x8c\x0fdtype.__class__\x93."
    with pytest.raises(UnsafePickleError, match="numpy.dtype.__class__"):
        load(content)


def test_a_function_cannot_be_changed_and_is_no_data(load):
    # BUILD with a pair sets attributes on the object below it: here, a function's defaults.
    name = b"\x80\x02c_codecs\nencode\n"
    with pytest.raises(UnsafePickleError, match="a change of"):
        load(name + b"N}X\x0c\x00\x00\x00__defaults__K\x01\x85s\x86b.")
    with pytest.raises(InputError, match="where data belongs"):
        load(name + b".")


TWO_GIGABYTES = (2**31 - 1).to_bytes(4, "little")
ENCODE_TEXT = (  # in a list: the function, its arguments, and then call after call
    b"\x80\x02](c_codecs\nencode\nq\x00X\x00\x00\x01\x00%bX\x06\x00\x00\x00latin1\x86q\x01"
    % bytes(2**16)
)
BOMBS = {
    "bytes that are not there": (b"\x80\x03B" + TWO_GIGABYTES + b".", "only 1 remain"),
    "a bytearray": (b"\x80\x05\x96" + TWO_GIGABYTES + bytes(4) + b".", "only 1 remain"),
    "a place far out in the memo": (b"\x80\x02}r" + TWO_GIGABYTES + b"0.", "POP"),
    "lists in lists": (b"]" * 10**5 + b"a" * (10**5 - 1) + b".", "50 deep"),
    "a list in itself": (b"]q\x00h\x00a.", "50 deep"),
    "tuples in tuples as a key": (b"}N" + b"\x85" * 10**5 + b"Ns.", "a tuple as its key"),
    "tuples in tuples as a name": (b"N" + b"\x85" * 10**5 + b"\x8c\x01x\x93.", "tuple found"),
    "a doubling at each step": (b"Nq\x00" + b"h\x00\x86q\x00" * 40 + b".", "items"),
    "a text encoded often": (ENCODE_TEXT + b"h\x00h\x01R" * 10**4 + b"e.", "memory"),
}


@pytest.mark.parametrize(("content", "reason"), BOMBS.values(), ids=BOMBS)
def test_a_small_file_cannot_ask_for_much(load, content, reason):
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=rf"data\.pkl.*{reason}"):
            load(content)
        assert tracemalloc.get_traced_memory()[1] < 200 * len(content) + 10**6
    finally:
        tracemalloc.stop()


def test_array_data_must_have_the_length_that_the_shape_needs(load):
    with pytest.raises(InputError, match="not what its shape needs"):
        load(PYTHON2_PICKLE.replace(b"(K\x01K\x02K\x02", b"(K\x01K\x09K\x02"))


def test_a_truncated_file_is_one_error_wherever_it_ends(load):
    for length in range(len(PYTHON2_PICKLE)):
        with pytest.raises(InputError, match=r"data\.pkl: not a readable pickle"):
            load(PYTHON2_PICKLE[:length])


def test_a_file_that_is_no_pickle_is_one_error(load):
    with pytest.raises(InputError, match=r"data\.pkl: not a readable pickle"):
        load(b"version https://git-lfs.github.com/spec/v1\n")


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.pkl"):
        load_plain_pickle(tmp_path / "absent.pkl")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "data.pkl")
    with pytest.raises(InputError, match=r"data\.pkl is a folder, pipe or device"):
        load_plain_pickle(tmp_path / "data.pkl")
