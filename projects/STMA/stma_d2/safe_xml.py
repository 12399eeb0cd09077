"""XML of unknown origin, read without following what it refers to.

A document may define entities that grow to gigabytes or that name files and addresses. Such
definitions need a document type declaration, and a document that has one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from .errors import InputError

MAX_DEPTH = 32  # elements inside each other
MAX_ELEMENTS = 2_000_000  # within one child of the root
_CHUNK = 1 << 20  # bytes


@dataclass(slots=True)
class Element:
    """One element of a document.

    Attributes:
        tag: its name.
        attributes: by name.
        line: where it begins, counted from 1.
        children: the elements directly in it.
        text: the text directly in it.
    """

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def child(self, tag: str) -> Element | None:
        """The first child of that name; None: there is none."""
        return next((child for child in self.children if child.tag == tag), None)

    def text_of(self, tag: str) -> str | None:
        """The text of the first child of that name; None: there is none, or no text in it."""
        found = self.child(tag)
        return found.text if found is not None and found.text.strip() else None

    def descendants(self, tag: str) -> Iterator[Element]:
        """All elements of that name within this one, in the document's order."""
        for child in self.children:
            if child.tag == tag:
                yield child
            yield from child.descendants(tag)


def read_xml(content: bytes, source: str, root: str) -> Iterator[Element]:
    """The children of the root element, one after another, each whole; then they may be forgotten.

    Args:
        content: the document.
        source: the file's name, for the message.
        root: what its root element must be called.

    Raises:
        InputError: naming the file and the line, if it is not well-formed, has another root or a
            document type declaration, or is nested too deep or grows too large.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    builder = _Builder(parser, source, root)
    try:
        for start in range(0, len(content), _CHUNK):
            parser.Parse(content[start : start + _CHUNK], False)
            yield from builder.finished()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise InputError(
            f"{source}, line {error.lineno}: not well-formed XML ({expat.ErrorString(error.code)})"
        ) from error
    except InputError:
        raise
    except (ValueError, LookupError) as error:  # an encoding that expat does not know
        raise InputError(f"{source}: not readable XML ({error})") from error


class _Builder:
    """Takes the parser's events and makes elements of them."""

    def __init__(self, parser: expat.XMLParserType, source: str, root: str) -> None:
        self._parser, self._source, self._root = parser, source, root
        self._stack: list[Element] = []  # the root and what is open in it
        self._count = 0
        self._done: list[Element] = []
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse

    def finished(self) -> Iterator[Element]:
        done, self._done = self._done, []
        return iter(done)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag, attributes, self._parser.CurrentLineNumber)
        if not self._stack and tag != self._root:
            self._fail(f"the file begins with <{tag}> where <{self._root}> was expected")
        if len(self._stack) >= MAX_DEPTH:
            self._fail(f"elements are nested more than {MAX_DEPTH} deep")
        self._count = self._count + 1 if len(self._stack) > 1 else 0
        if self._count > MAX_ELEMENTS:
            self._fail(f"one element holds more than {MAX_ELEMENTS} others")
        if len(self._stack) > 1:
            self._stack[-1].children.append(element)
        self._stack.append(element)

    def _end(self, tag: str) -> None:
        element = self._stack.pop()
        if len(self._stack) == 1:
            self._done.append(element)

    def _text(self, text: str) -> None:
        if len(self._stack) > 1:
            self._stack[-1].text += text

    def _refuse(self, *_: object) -> None:
        self._fail("it has a document type declaration (<!DOCTYPE ...>), which is refused; remove")

    def _fail(self, problem: str) -> None:
        raise InputError(f"{self._source}, line {self._parser.CurrentLineNumber}: {problem}")
