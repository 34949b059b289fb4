"""The rules of care: what is said, to whom, when, and what became of it.

Pure: frozen values in, frozen values out. No clock, file, database, network or logging; `now` is a parameter.
"""
