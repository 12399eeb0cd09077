"""Configuration files that are none, or odd ones, and odd words of the command line."""

from __future__ import annotations

from collections.abc import Iterator

from odd_cases import Case

BASE = b"_BASE_: Synthetic/STMA_tiny_K5.yaml\n"
# Contents of a file; all are to be refused in a line that names it.
BROKEN: tuple[bytes, ...] = (
    b"",
    b"\n",
    b"# nothing\n",
    b"3\n",
    b"text\n",
    b"- 1\n- 2\n",
    b"null\n",
    b"[]\n",
    b"A: [1\n",
    b"A: {1\n",
    b"A: 'x\n",
    b'A: "x\n',
    b"A: 1\n  B: 2\n",
    b"\tA: 1\n",
    b"A:\n\tB: 1\n",
    b"A: 1: 2\n",
    b"A: *x\n",
    b"A: &x [*x]\n",
    b"A: &x {B: *x}\n",
    b"A: @x\n",
    b"A: `x\n",
    b"? \n",
    b"%YAML 9.9\n---\nA: 1\n",
    b"A: 1\n---\nB: 1\n",
    b"!!set {A, B}\n",
    b"A: !none 1\n",
    b"A: |1x\n",
    b"A: !!python/name:os.system\n",
    b"A: !!python/object/apply:os.getcwd []\n",
    b"A: \x00\n",
    b"A: \xff\n",
    b"\xc3\x28: 1\n",
    "A: ü\n".encode("latin-1"),
    "A: 1".encode("utf-16"),
    b"\x1f\x8b\x08\x00",
    b"PK\x03\x04",
    b"\x89PNG\r\n",
    b"A: " + b"[" * 5000,
    b"A: " + b"9" * 5000,
    BASE + b"SEED: 1\nSEED: 2\n",
    BASE + b"SOLVER: {GAMMA: 0.1, GAMMA: 0.2}\n",
    BASE + b"SOLVER:\n  GAMMA: 0.1\nSOLVER:\n  MAX_ITER: 3\n",
    BASE + BASE,
    BASE + b"SOLVER.GAMMA: 0.1\n",
    BASE + b"1: 2\n",
    BASE + b"null: 2\n",
    BASE + b"true: 2\n",
    BASE + b"SOLVER: 3\n",
    BASE + b"SOLVER: [1]\n",
    BASE + b"SOLVER:\n",
    BASE + b"VERSION: {A: 1}\n",
    BASE + b"VERSION: {}\n",
    BASE + b"Seed: 1\n",
    BASE + b"NONE: {A: 1}\n",
    BASE + b"NONE: {}\n",
    BASE + b"MODEL: {WEIGHTS: {}}\n",
    BASE + b"VERSION: {A: {}}\n",
    b"_BASE_: mine.yaml\n",
    b"_BASE_: ./mine.yaml\n",
    b"_BASE_: nowhere.yaml\n",
    b"_BASE_: .\n",
    b"_BASE_: 3\n",
    b"_BASE_: [mine.yaml]\n",
    b"_BASE_: {A: 1}\n",
    b"_BASE_: /dev/null\n",
    b"_BASE_: true\n",
    b"_BASE_: '~/none.yaml'\n",
    b"_BASE_: http://127.0.0.1:9/a.yaml\n",
    b"_BASE_: 'a\\0'\n",
    b"_BASE_: " + b"x" * 5000 + b"\n",
    b"_BASE_: ../../etc/passwd\n",
)
# Contents of a file that are odd and right.
ODD: tuple[bytes, ...] = (
    b"\xef\xbb\xbf" + BASE,
    BASE.replace(b"\n", b"\r\n") + b"SEED: 1\r\n",
    b"---\n" + BASE + b"...\n",
    BASE + b"SOLVER: {}\n",
    BASE.rstrip(),
    BASE + b"SOLVER: {STEPS: !!python/tuple []}\n",
    BASE + "# ü\n".encode(),
    BASE + b"MODEL: {PIXEL_MEAN: &m [1, 2, 3], BACKBONE_3D: {PIXEL_MEAN: *m}}\n",
)
# Files beside each other: loops, and bases that are broken or missing.
SEVERAL: tuple[dict[str, bytes], ...] = (
    {"mine.yaml": b"_BASE_: other.yaml\n", "other.yaml": b"_BASE_: mine.yaml\n"},
    {
        "mine.yaml": b"_BASE_: b.yaml\n",
        "b.yaml": b"_BASE_: c.yaml\n",
        "c.yaml": b"_BASE_: b.yaml\n",
    },
    {"mine.yaml": b"_BASE_: b.yaml\n", "b.yaml": b"A: [\n"},
    {"mine.yaml": b"_BASE_: b.yaml\n", "b.yaml": BASE + b"SOLVER: {GAMMA: fast}\n"},
    {"mine.yaml": b"_BASE_: b.yaml\n", "b.yaml": b"_BASE_: nowhere.yaml\n"},
    {"mine.yaml": b"_BASE_: b.yaml\n", "b.yaml": b"A: \xff\n"},
)
# Words after the configuration's own, and one that the refusal must name.
WORDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("SEED",), "SEED"),
    (("SEED=1",), "SEED=1"),
    (("SEED", "1", "SOLVER.GAMMA"), "SOLVER.GAMMA"),
    (("seed", "1"), "seed"),
    (("", "1"), "''"),
    ((".", "1"), "'.'"),
    (("SOLVER", "1"), "SOLVER"),
    (("SOLVER.", "1"), "SOLVER."),
    (("SEED.x", "1"), "SEED.x"),
    (("SEED ", "1"), "SEED "),
    (("SEED", "1", "--resume"), "--resume"),
    (("SEED", "--resume"), "--resume"),
    (("--none", "1"), "--none"),
    (("1", "SEED"), "1"),
    (("_BASE_", "x.yaml"), "_BASE_"),
)


def file_cases() -> Iterator[Case]:
    """Every case; the row of the table is "files and words"."""
    section = "files and words"
    for content in BROKEN:
        yield Case(section, (), (".yaml",), True, files=(("mine.yaml", content),))
    for content in ODD:
        yield Case(section, (), (), False, files=(("mine.yaml", content),))
    for files in SEVERAL:
        yield Case(section, (), (".yaml",), True, files=tuple(files.items()))
    for words, name in WORDS:
        yield Case(section, (), (name,), True, words=words)
