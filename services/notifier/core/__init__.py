"""
The notifier's decisions: what matches, what is sent, what an answer means, who may call.

Pure functions and values: no I/O, no clock, no randomness; times come in as arguments. Only the
notifier's own modules may import it.
"""
