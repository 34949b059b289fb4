"""The words: care plans, texts, vocabulary and approvals of messages/, checked and filled in. Jinja ends here."""

from followup.messages.approvals import Approval, SheetText
from followup.messages.check import Finding, Severity
from followup.messages.folder import find_messages_folder
from followup.messages.library import MessageLibrary
from followup.messages.sms_text import Segments, segments
from followup.messages.sms_text import plain as plain_text
from followup.messages.writing import ClinicWords, Opening, Speaking

__all__ = [
    "Approval",
    "ClinicWords",
    "Finding",
    "MessageLibrary",
    "Opening",
    "Segments",
    "Severity",
    "SheetText",
    "Speaking",
    "find_messages_folder",
    "plain_text",
    "segments",
]
