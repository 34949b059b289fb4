"""What the tests of the reading share: the shipped words, and the phrases that CARE.md names in §0 and §4."""

from __future__ import annotations

from followup.care.meaning import Meaning, Reading
from followup.care.plan import Asks
from followup.care.reply import interpret
from followup.messages.folder import find_messages_folder
from followup.messages.reply_words import read_reply_words

WORDS, FAULTS = read_reply_words(find_messages_folder(), ("en", "es"), ())
VOCABULARY = WORDS.vocabulary(None)

CANT = ("can't", "can\u2019t", "cant", "can not", "cannot", "unable to", "won't", "don't", "I can't really")
VERBS = ("move", "feel", "walk", "stand", "get up", "breathe", "pee", "control", "work", "wake")
NO_PUEDO = ("no puedo", "no puede", "ya no puedo")
VERBOS = ("respirar", "mover", "caminar", "orinar", "levantarme")

CRITICAL = (
    *(f"{cant} {verb}" for cant in CANT for verb in VERBS),
    *(f"no {verb}" for verb in VERBS),
    *(f"{cant} {verb}" for cant in NO_PUEDO for verb in VERBOS),
    *("chest pain", "chest", "pain in my chest", "my chest hurts", "short of breath", "shortness of breath"),
    *("trouble breathing", "hard to breathe", "coughing blood", "passed out", "fainted", "numb", "numbness"),
    *("paralysed", "paralyzed", "paralysis", "collapsed", "unconscious", "stroke", "heart attack", "seizure"),
    *("legs gave out", "peed", "wet myself", "soiled myself", "bowel", "bladder", "911", "ambulance", "kill"),
    *("dolor de pecho", "me duele el pecho", "pecho", "falta de aire", "me falta el aire", "tos con sangre"),
    *("desmayo", "me desmayé", "no siento las piernas", "adormecida", "entumecido", "paralizado", "me oriné"),
    *("no controlo", "vejiga", "ambulancia"),
)
SUICIDE = ("suicide", "suicidal", "kill myself", "want to die", "end it all", "better off dead", "no quiero vivir")
URGENT = (
    *(
        "fever",
        "chills",
        "101",
        "100.4",
        "102.2",
        "red",
        "swollen",
        "pus",
        "drain",
        "leak",
        "bleed",
        "fell",
        "fall",
    ),
    *("tingling", "weak", "vomit", "allergic", "rash", "severe", "unbearable", "worst", "bleeding", "draining"),
    *("fiebre", "escalofríos", "roja", "hinchado", "sangre", "supura", "me caí", "caída", "hormigueo", "débil"),
    *("vómito", "alergia", "sarpullido", "insoportable"),
)
STOPS = (
    *("stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out"),
    *("parar", "pare", "alto", "cancelar", "baja", "detener", "no mas", "no más", "please stop texting me"),
    *("ya no me manden mensajes", "take me off the list", "borrenme", "S T O P", "STOP STOP STOP", "stooop"),
)
BEFORE = ("", "hi ", "Good morning, ", "thanks for asking. ", "pain is 3 but ", "hola ", "since last night ")
AFTER = ("", " thank you", ". Otherwise fine", " since yesterday", "!!", " gracias", " should I worry?")


def read(text: str, asked: Asks | None = Asks.PAIN_SCORE) -> Reading:
    return interpret(text, VOCABULARY, asked)


def meanings(text: str) -> frozenset[Meaning]:
    return read(text).meanings


def kinds(text: str) -> set[str]:
    return {meaning.value for meaning in meanings(text)}
