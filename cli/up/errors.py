"""
The one failure of this package: something a user has to mend before the system can start.
"""


class UpError(Exception):
    """
    A part cannot be built or started; the message says which, what was expected and what to do.
    """
