"""
Which paths of a tree an artifact leaves out: ignore files with git's meaning.

Patterns of all ``.sourceignore`` files hold within their directory, those of ``spec.ignore`` come
last and hold everywhere. The last pattern that matches decides; nothing below an excluded directory
can come back. Git's own files are always left out, and a list of defaults only where nobody wrote
a pattern.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.source.core.wildmatch import Pattern

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
    domain: str
    pattern: Pattern

    def matches(self, path: str) -> bool:
        name = path.removesuffix("/")
        # Without its slash the directory of the rule itself is not within it.
        if not name.startswith(self.domain):
            return False
        return self.pattern.matches(name[len(self.domain) :], directory=name != path)


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
                return rule.pattern.excludes
        return False


def _read(directory: str, lines: Iterable[str]) -> list[_Rule]:
    domain = f"{directory}/" if directory else ""
    found = (Pattern.parse(line) for line in lines)
    return [_Rule(domain, pattern) for pattern in found if pattern is not None]
