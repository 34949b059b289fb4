"""corpus.tsv: replies whose meaning is known, by which a vocabulary is tried."""

from __future__ import annotations

from pathlib import Path

from followup.care.confusion import Sample
from followup.care.meaning import Meaning, Reading
from followup.care.pain import WORST
from followup.errors import Fault, MessageError
from followup.messages.folder import LANGUAGE, VOCABULARY
from followup.toml_file import LARGEST_FILE

CORPUS = f"{VOCABULARY}/corpus.tsv"
HEADER = ("kinds", "score", "language", "text")


def read_corpus(path: Path) -> tuple[Sample, ...]:
    """The samples of a file; MessageError with every line that is none. No fault repeats a text."""
    faults: list[Fault] = []
    samples = []
    lines = [(n, line) for n, line in enumerate(_lines(path), start=1) if line and not line.startswith("#")]
    if not lines or tuple(lines[0][1].split("\t")) != HEADER:
        wanted = ", ".join(HEADER)
        raise MessageError(
            [Fault(path.name, f"must begin with a line of these four, a tab between them: {wanted}")]
        )
    for number, line in lines[1:]:
        try:
            samples.append(_sample(line))
        except ValueError as error:
            faults.append(Fault(f"{path.name}: line {number}", str(error)))
    if not samples and not faults:
        faults = [Fault(path.name, "holds no reply")]
    if faults:
        raise MessageError(faults)
    return tuple(samples)


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
        if len(raw) > LARGEST_FILE:
            raise MessageError([Fault(path.name, f"is larger than {LARGEST_FILE:,} bytes")])
        return raw.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise MessageError([Fault(path.name, f"is not UTF-8 text (byte {error.start + 1})")]) from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise MessageError([Fault(path.name, f"cannot be read: {reason}")]) from None


def _sample(line: str) -> Sample:
    """One line; raises ValueError with the reason."""
    columns = line.split("\t")
    if len(columns) != len(HEADER):
        raise ValueError(f"has {len(columns)} columns, a tab between them; it needs {len(HEADER)}")
    kinds, score, language, text = columns
    unknown = sorted(set(kinds.split("+")) - set(Meaning))
    if unknown:
        raise ValueError(f"names no kind by '{unknown[0][:20]}'; there are: {', '.join(Meaning)}")
    if not LANGUAGE.fullmatch(language):
        raise ValueError('needs a language as "en" or "es"')
    meanings = frozenset(map(Meaning, kinds.split("+")))
    return Sample(text.replace("\\n", "\n"), language, Reading(meanings, _score(score, meanings)))


def _score(score: str, meanings: frozenset[Meaning]) -> int | None:
    if (Meaning.SCORE in meanings) != bool(score):
        raise ValueError("needs a score where its kind is score, and only there")
    if not score:
        return None
    if not score.isascii() or not score.isdigit() or int(score[:3]) > WORST:
        raise ValueError(f"needs a score from 0 to {WORST}")
    return int(score)
