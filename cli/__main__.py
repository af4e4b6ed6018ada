"""
Where the program begins.
"""

import sys

INTERRUPTED = 130  # the exit code of what Ctrl-C ended


def main() -> None:
    """
    Run the command that the arguments name.
    """
    try:
        # Ctrl-C may come while this is read, which takes a moment on a busy machine.
        from cli.app import app  # noqa: PLC0415

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
