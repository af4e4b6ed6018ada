"""
Which commit a declaration means: what to ask the origin for, and how to read its answer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.source.core.semver import Constraint
from shared.errors import StalledError, TransientError
from shared.model import Revision

DEFAULT_BRANCH = "master"
HEADS = "refs/heads/"
_HEX = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA1 = 40  # hex digits
# What git itself refuses in the name of a ref, and what could become another ref or a pattern.
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^/|/$|\.$|\.lock(/|$)|(^|/)\.")
_PEELED = "^{}"
FAILED = "GitOperationFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """
    A declared reference, in the precedence commit, name, semver, tag, branch.
    """

    branch: str = ""
    tag: str = ""
    semver: str = ""
    name: str = ""
    commit: str = ""

    def __post_init__(self) -> None:
        for field in ("branch", "tag", "name"):
            value = getattr(self, field)
            if value and (_BAD_REF.search(value) or value.startswith("-")):
                raise StalledError(
                    f"spec.ref.{field} {value[:120]!r} is not a name that git allows; correct it",
                    reason="URLInvalid",
                )
        if self.commit and not _HEX.fullmatch(self.commit):
            raise StalledError(
                f"spec.ref.commit {self.commit[:80]!r} is not a full commit id of 40 or 64 "
                "hexadecimal digits; write the whole id",
                reason="URLInvalid",
            )
        if self.semver:
            Constraint.parse(self.semver)

    @property
    def prefix(self) -> str:
        """
        The one ref (or the prefix of the refs) that the origin is asked for; "" for a commit.
        """
        if self.commit:
            return ""
        if self.name:
            return self.name
        if self.semver:
            return "refs/tags/"
        if self.tag:
            return f"refs/tags/{self.tag}"
        return f"{HEADS}{self.branch or DEFAULT_BRANCH}"

    @property
    def pinned(self) -> Revision | None:
        """
        The revision, where the declaration names the commit itself.
        """
        if not self.commit:
            return None
        return _revision(self.name or self.branch, self.commit)

    @property
    def fallback_ref(self) -> str:
        """
        The ref whose history holds the pinned commit, if the declaration names one.
        """
        return self.name or (f"refs/heads/{self.branch}" if self.branch else "")

    def resolve(self, refs: Mapping[str, str]) -> Revision:
        """
        Find the revision among the refs that the origin advertised.

        Raises:
            TransientError: The ref is not there (yet).

        """
        if self.pinned is not None:
            return self.pinned
        if self.semver and not self.name:
            return self._resolve_semver(refs)
        found = _peeled(refs, self.prefix)
        if not found:
            raise TransientError(self._missing(), reason=FAILED)
        return _revision(self.name or self.tag or self.branch or DEFAULT_BRANCH, found)

    def _resolve_semver(self, refs: Mapping[str, str]) -> Revision:
        tags = [
            ref.removeprefix("refs/tags/")
            for ref in refs
            if ref.startswith("refs/tags/") and not ref.endswith(_PEELED)
        ]
        newest = Constraint.parse(self.semver).newest(tags)
        if not newest:
            raise TransientError(
                f"no tag of the repository fits the version constraint {self.semver!r} "
                f"({len(tags)} tags looked at); push such a tag or change spec.ref.semver",
                reason=FAILED,
            )
        return _revision(newest, _peeled(refs, f"refs/tags/{newest}"))

    def _missing(self) -> str:
        if self.name:
            return (
                f"reference {self.name!r} does not exist in the repository; "
                "push it or change spec.ref.name"
            )
        if self.tag:
            return (
                f"tag {self.tag!r} does not exist in the repository; push it or change spec.ref.tag"
            )
        hint = "" if self.branch else " (the default, as spec.ref names no other)"
        return (
            f"branch {self.branch or DEFAULT_BRANCH!r}{hint} does not exist in the repository; "
            "push it or change spec.ref.branch"
        )


def _peeled(refs: Mapping[str, str], ref: str) -> str:
    # An annotated tag is an object of its own: its peeled entry names the commit.
    return refs.get(ref + _PEELED) or refs.get(ref, "")


def _revision(pointer: str, hex_: str) -> Revision:
    return Revision(pointer=pointer, algo="sha1" if len(hex_) == _SHA1 else "sha256", hex=hex_)
