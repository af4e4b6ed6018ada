"""
A repository as a platform team has it: manifests of many applications, grown over many commits.
"""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cli.up.git_http import clean_environment, git_program

BRANCH = "main"
_WHO = "Ada <ada@example.com>"
_BEGIN = 1_700_000_000  # seconds; the commits are a minute apart
_WORDS = "api app cache cluster config data deploy edge gate image job label limit memory name node"
_KINDS = ("deployment", "service", "ingress", "configmap", "serviceaccount", "kustomization")


class History:
    """
    A bare repository, made from a seed and always the same; it can be given further commits.
    """

    def __init__(self, bare: Path, *, files: int, commits: int, seed: int = 1) -> None:
        self.bare = bare
        self._random = random.Random(seed)
        self._paths = [self._path(number) for number in range(files)]
        self._commits = 0
        self.git("init", "--quiet", "--bare", "-b", BRANCH, str(bare), cwd=bare.parent)
        self._import(self._grown(commits))
        # As a forge keeps it.
        self.git("repack", "-a", "-d", "-q")
        self.bytes = sum(self._size(path) for path in bare.glob("objects/pack/*.pack"))

    def git(self, *words: str, cwd: Path | None = None, given: bytes = b"") -> str:
        return subprocess.run(
            [git_program(), *words],
            cwd=cwd or self.bare,
            env=clean_environment(self.bare),
            check=True,
            capture_output=True,
            input=given,
        ).stdout.decode()

    def change(self) -> str:
        """
        Commit a change of one file; return the commit.
        """
        self._import(self._commit([self._random.choice(self._paths)]))
        return self.git("rev-parse", BRANCH).strip()

    def _grown(self, commits: int) -> Iterator[bytes]:
        # Half of the files are there at the beginning, the others come in; each commit changes
        # some of what is there.
        half = len(self._paths) // 2
        yield from self._commit(self._paths[:half])
        for number in range(1, commits):
            there = half + (len(self._paths) - half) * number // (commits - 1)
            new = half + (len(self._paths) - half) * (number - 1) // (commits - 1)
            changed = self._random.choices(self._paths[:new], k=self._random.randint(1, 5))
            yield from self._commit([*self._paths[new:there], *changed])

    def _commit(self, paths: list[str]) -> Iterator[bytes]:
        self._commits += 1
        when = _BEGIN + 60 * self._commits
        text = f"Change {self._commits}".encode()
        begin = f"commit refs/heads/{BRANCH}\ncommitter {_WHO} {when} +0000\n"
        yield begin.encode() + b"data %d\n%s\n" % (len(text), text)
        if self._commits > 1 and self._fresh:
            yield f"from refs/heads/{BRANCH}^0\n".encode()
        self._fresh = False
        for path in dict.fromkeys(paths):
            data = self._text()
            yield b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data)

    def _import(self, stream: Iterator[bytes]) -> None:
        self._fresh = True
        self.git("fast-import", "--quiet", given=b"".join(stream))

    def _path(self, number: int) -> str:
        app, kind = divmod(number, len(_KINDS))
        return f"apps/team-{app % 40:02}/app-{app:04}/{_KINDS[kind]}.yaml"

    def _text(self) -> bytes:
        # Most manifests have one or two kilobytes; some are dashboards and definitions.
        size = min(int(self._random.lognormvariate(7.2, 0.8)), 200_000)
        words = _WORDS.split()
        lines, length = [], 0
        while length < size:
            name, value = self._random.choice(words), self._random.choice(words)
            lines.append(f"  {name}-{self._random.randrange(1000)}: {value}-{length}")
            length += len(lines[-1]) + 1
        return ("kind: Example\nspec:\n" + "\n".join(lines) + "\n").encode()

    @staticmethod
    def _size(path: Path) -> int:
        return path.stat().st_size
