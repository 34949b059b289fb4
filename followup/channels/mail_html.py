"""A mail's HTML as the text a person would read, what it quotes shown as one line that begins with >."""

from __future__ import annotations

import re
from html.parser import HTMLParser

MOST_HTML = 100_000
"""Characters that are read; an answer has a few thousand."""

_BLOCKS = frozenset(
    {"address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset", "footer", "form", "h1", "h2"}
    | {
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "td",
        "th",
        "tr",
        "ul",
    }
)
_UNSEEN = frozenset({"head", "script", "style", "title", "template"})
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_QUOTING_CLASSES = frozenset({"gmail_quote", "gmail_attr", "yahoo_quoted", "moz-cite-prefix"})
_SIGNING_CLASSES = frozenset({"gmail_signature", "moz-signature"})
_HISTORY_BEGINS = frozenset({"appendonsend", "divrplyfwdmsg", "mail-editor-reference-message-container"})
"""What Outlook on the web, and on phones, calls the element from which on all is the older mail."""
_QUOTED = "\n>\n"


def text_of_html(html: str) -> str:
    """Never raises; whatever cannot be parsed is read without its tags."""
    reader = _Reader()
    try:
        reader.feed(_tidied(html[:MOST_HTML]))
        reader.close()
    except Exception:  # noqa: BLE001  the parser asserts on malformed declarations; the words still count
        return re.sub(r"<[^<>]{0,1000}>", " ", html[:MOST_HTML])
    return "\n".join(" ".join(line.split()) for line in reader.text().split("\n"))


_DECLARATION = re.compile(r"<[!?][^<>]*>")
_LONG_TAG = re.compile(r"<[^<>]{2000,}>")
_NO_TAG = re.compile(r"<(?![^<>]+>)")


def _tidied(html: str) -> str:
    """Without what the standard library's parser takes quadratic time for: a minute on 100,000 characters."""
    return _NO_TAG.sub("&lt;", _LONG_TAG.sub(" ", _DECLARATION.sub("", _without_comments(html))))


def _without_comments(html: str) -> str:
    kept, rest = [], html
    while "<!--" in rest and "-->" in rest:
        before, _, behind = rest.partition("<!--")
        _, _, rest = behind.partition("-->")
        kept.append(before)
    return "".join([*kept, rest])


class _Reader(HTMLParser):
    """Gathers what is seen. While something is passed over, tags of its own name are counted until it ends."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._passing: str | None = None
        self._depth = 0
        self._over = False

    def text(self) -> str:
        return "".join(self._parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._passing is not None:
            self._depth += tag == self._passing
            return
        named = {name: (value or "").lower() for name, value in attrs}
        self._over |= named.get("id", "") in _HISTORY_BEGINS
        instead = _passed_over(tag, named)
        if instead is not None and tag not in _VOID:
            self._passing, self._depth = tag, 1
        self._add(instead or ("\n" if tag in _BLOCKS else ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._add("\n" if tag in _BLOCKS and self._passing is None else "")

    def handle_endtag(self, tag: str) -> None:
        if self._passing is None:
            self._add("\n" if tag in _BLOCKS else "")
        elif tag == self._passing:
            self._depth -= 1
            self._passing = self._passing if self._depth else None

    def handle_data(self, data: str) -> None:
        if self._passing is None:
            # A line of the source is no line on the screen.
            self._add(re.sub(r"\s+", " ", data))

    def _add(self, text: str) -> None:
        if not self._over:
            self._parts.append(text)


def _passed_over(tag: str, named: dict[str, str]) -> str | None:
    """What stands for an element that is not read: nothing, or a quoted line; None if it is read."""
    classes = set(named.get("class", "").split())
    if tag in _UNSEEN or classes & _SIGNING_CLASSES:
        return ""
    # Gmail calls the whole conversation by the same class, the patient's words between the quotes included.
    is_quote = (tag == "blockquote" and named.get("type") == "cite") or (
        bool(classes & _QUOTING_CLASSES) and not (tag == "div" and "gmail_quote" in classes)
    )
    return _QUOTED if is_quote else None
