"""
Decisions of this service: synchronous, without I/O, clock, randomness or logging.
"""
