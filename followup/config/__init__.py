"""One clinic's configuration: config.toml and its secrets, read whole, refused whole, frozen."""

from followup.config.configuration import Config
from followup.config.find import example_config, find_config
from followup.config.hours import stretches
from followup.config.load import load_config
from followup.config.secret_files import Keys, Secrets, new_keys
from followup.config.sections import Clinic, Daemon, Mailbox, Pain, Smtp, Staff, Twilio
from followup.config.write import Answers, write_config
from followup.config.zones import zone

__all__ = [
    "Answers",
    "Clinic",
    "Config",
    "Daemon",
    "Keys",
    "Mailbox",
    "Pain",
    "Secrets",
    "Smtp",
    "Staff",
    "Twilio",
    "example_config",
    "find_config",
    "load_config",
    "new_keys",
    "stretches",
    "write_config",
    "zone",
]
