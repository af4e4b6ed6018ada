"""
The one failure of this package: something a user has to mend before the system can start.
"""


class UpError(Exception):
    """
    A part cannot be built or started; the message says which, what was expected and what to do.
    """

    exit_code = 1


class ClusterUnusable(UpError):  # noqa: N818 - a fact about what the user named
    """
    The cluster that KUBECONFIG names is not to be used, or cannot be reached.
    """

    exit_code = 2
