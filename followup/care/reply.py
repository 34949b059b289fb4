"""What a patient's reply is taken to mean: by rules, from a vocabulary that a clinic can read and edit.

The order in which meanings count is the caller's (`care.response`): red flags, opt-out, help, the open question, a
person. So a reading holds all of them ("STOP chest pain"), but a word about pain only where it is plain.
"""

from __future__ import annotations

from followup.care.meaning import FLAGS, PAIN, Meaning, Reading
from followup.care.plan import Asks
from followup.care.reply_words import plain_text, words_of
from followup.care.scores import Numbers, read_numbers
from followup.care.search import Search
from followup.care.vocabulary import Vocabulary

__all__ = ["Meaning", "Reading", "Vocabulary", "interpret"]


_QUOTES = "\"\u201c\u201d\u201e\u00ab'"


def interpret(text: str, vocabulary: Vocabulary, open_question: Asks | None) -> Reading:
    """The reading of any text at all, in time linear in its length; never raises.

    `open_question` is what the writer was asked and has not answered; None if nothing is open. A bare number is
    a score in either case, and the caller decides what it is worth.
    """
    own = _own_words(text, vocabulary)
    words = words_of(own)
    if not words:
        return Reading(frozenset({Meaning.EMPTY}))
    search = Search(vocabulary.text(words), vocabulary)
    numbers = read_numbers(search.words, vocabulary.scores)
    meanings = set(search.meanings(numbers.used, asked=open_question is not None))
    if numbers.score is not None:
        meanings.add(Meaning.SCORE)
    if numbers.beyond or numbers.fever:
        meanings.add(Meaning.URGENT)
    return Reading(_settled(meanings, search, numbers, asks="?" in own), numbers.score)


def _own_words(text: str, vocabulary: Vocabulary) -> str:
    """Without our own text, which a phone repeats when somebody has put a heart on it."""
    plain = plain_text(text).lstrip()
    for reaction in vocabulary.reactions:
        if plain.startswith(reaction) and plain[len(reaction) :].lstrip()[:1] in _QUOTES:
            return reaction
    return text


def _settled(meanings: set[Meaning], search: Search, numbers: Numbers, *, asks: bool) -> frozenset[Meaning]:
    """Where words contradict each other the worse counts, and where they say too little a person reads them."""
    if Meaning.SUICIDE in meanings:
        meanings.add(Meaning.CRITICAL)
    if Meaning.OPT_OUT in meanings:
        meanings.discard(Meaning.OPT_IN)
    unsure = _without_contradictions(meanings) or numbers.unclear
    unplaced = search.unplaced(numbers.used)
    if not meanings and not unsure and not search.asks and search.is_polite and not asks:
        return frozenset({Meaning.THANKS})
    wondering = search.turned or search.asks or ((asks or search.contrasts) and unplaced)
    if not meanings or (meanings <= PAIN and (unsure or wondering)) or (unsure and not meanings & FLAGS):
        meanings.add(Meaning.UNREADABLE)
    return frozenset(meanings)


def _without_contradictions(meanings: set[Meaning]) -> bool:
    """Takes out what is contradicted; whether there was anything."""
    if Meaning.AUTOMATIC in meanings and not meanings <= FLAGS | {Meaning.AUTOMATIC}:
        meanings.discard(Meaning.AUTOMATIC)  # a person has written to it, or for it
        return True
    if Meaning.WORSE in meanings:
        unsure = Meaning.BETTER in meanings
        meanings -= {Meaning.BETTER, Meaning.SAME}
        return unsure
    unsure = {Meaning.BETTER, Meaning.SAME} <= meanings
    if unsure:
        meanings -= {Meaning.BETTER, Meaning.SAME}
    return unsure
