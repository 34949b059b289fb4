"""followup sends patients their clinic's own words after a procedure, at the right minute, for weeks."""

__version__ = "0.1.0"
