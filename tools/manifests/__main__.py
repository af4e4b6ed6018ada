"""
``python -m tools.manifests``: write ``deploy/crds``; with ``--check`` only say whether it is right.
"""

import argparse
import sys
from pathlib import Path

from tools.manifests.files import FOLDER, differences, project_version, wanted, write


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """
    Write the files, or compare them; return the exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.manifests", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; 1 if out of date")
    options = parser.parse_args(arguments)
    files = wanted(project_version())
    found = differences(folder, files)
    if options.check:
        for line in found:
            sys.stderr.write(f"deploy/crds/{line}: run `make manifests`\n")
        return 1 if found else 0
    write(folder, files)
    sys.stdout.write(f"deploy/crds: {len(files)} files, {len(found)} changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
