"""
Which paths of a tree an artifact leaves out: ignore files with git's meaning.

Patterns of all ``.sourceignore`` files hold within their directory, those of ``spec.ignore`` come
last and hold everywhere. The last pattern that matches decides; nothing below an excluded directory
can come back. Git's own files are always left out, and a list of defaults only where nobody wrote
a pattern.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from services.source.core.wildmatch import Pattern, any_of

IGNORE_FILE = ".sourceignore"
_ALWAYS = (".git/", ".gitignore", ".gitmodules", ".gitattributes")
_DEFAULTS = (
    *("*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip"),
    *(".github/", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml", ".drone.yml"),
    *("cloudbuild.yaml", "codeship-services.yml", "codeship-steps.yml"),
    *("**/.goreleaser.yml", "**/.sops.yaml", "**/.flux.yaml"),
)
IGNORE_LIMIT = 256 * 1024  # bytes of one ignore file; more is no ignore file


@dataclass(frozen=True, slots=True)
class _Rule:
    """
    Lines that follow each other and say the same: which of them matches is all one.
    """

    domain: str
    excludes: bool
    files: re.Pattern[str]
    directories: re.Pattern[str]

    @classmethod
    def of(cls, domain: str, patterns: Sequence[Pattern]) -> "_Rule":
        anything = [one for one in patterns if not one.directories_only]
        return cls(domain, patterns[0].excludes, any_of(anything), any_of(patterns))

    def matches(self, path: str) -> bool:
        name = path.removesuffix("/")
        # Without its slash the directory of the rule itself is not within it.
        if not name.startswith(self.domain):
            return False
        regex = self.files if name == path else self.directories
        return regex.fullmatch(name, len(self.domain)) is not None


@dataclass(frozen=True, slots=True)
class Ignore:
    """
    The rules of one tree, in the order in which they were read.
    """

    rules: tuple[_Rule, ...] = field(default=())

    @classmethod
    def of(cls, files: Iterable[tuple[str, str]], declared: str) -> "Ignore":
        """
        Join the rules.

        Args:
            files: Directory ("" for the root) and text of each ignore file, parents first.
            declared: The text of ``spec.ignore``.

        """
        rules = [rule for directory, text in files for rule in _read(directory, text.split("\n"))]
        rules += _read("", declared.split("\n"))
        if not rules:
            rules = _read("", _DEFAULTS)
        return cls((*rules, *_read("", _ALWAYS)))

    def excludes(self, path: str) -> bool:
        """
        Say whether an entry is left out, given that its directory is not.

        Args:
            path: Relative to the root; a directory's ends with ``/``.

        """
        for rule in reversed(self.rules):
            if rule.matches(path):
                return rule.excludes
        return False


def _read(directory: str, lines: Iterable[str]) -> list[_Rule]:
    domain = f"{directory}/" if directory else ""
    found = (Pattern.parse(line) for line in lines)
    patterns = [pattern for pattern in found if pattern is not None]
    return [
        _Rule.of(domain, list(same)) for _, same in groupby(patterns, key=lambda one: one.excludes)
    ]
