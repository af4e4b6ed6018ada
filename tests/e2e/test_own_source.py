"""A repository that declares the source by which it is followed itself."""

from tests.fixtures.waiting import until

LISTED, FILE = "clusters/local/kustomization.yaml", "clusters/local/source.yaml"
SOURCE = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  name: example
  namespace: flux-system
spec:
  url: {url}
  interval: {interval}
  ref:
    branch: {branch}
"""


def declared(system, interval="10m", branch="main"):
    listed = system.read(LISTED)
    if "source.yaml" not in listed:
        listed += "  - source.yaml\n"
    text = SOURCE.format(url=system.env["GIT_URL"], interval=interval, branch=branch)
    return {LISTED: listed, FILE: text}


def repository(system):
    return system.kubectl.json("--namespace", "flux-system", "get", "gitrepositories", "example")


def trouble(system):
    found = repository(system)["status"]["conditions"]
    ready = next(one for one in found if one["type"] == "Ready")
    return ready["message"] if ready["status"] == "False" else ""


def patch(system, kind, spec):
    words = ("--namespace", "flux-system", "patch", kind, "example", "--type=merge", "--patch")
    system.kubectl(*words, '{"spec":' + spec + "}")


def test_a_source_is_changed_by_its_own_revision_and_followed_to_another_branch(system):
    objects = system.uids()
    commit = system.push(declared(system, interval="7m"))
    until("Ready at the commit", lambda: system.converged(commit))
    assert repository(system)["spec"]["interval"] == "7m"
    system.git("checkout", "--quiet", "-b", "next")
    system.git("push", "--quiet", "--set-upstream", "origin", "next")
    system.push(declared(system, branch="next"))
    system.git("push", "--quiet", "origin", "next:main")
    commit = system.push({"README.md": "on the other branch\n"})
    until("Ready on the other branch", lambda: system.converged(commit))
    assert repository(system)["status"]["artifact"]["revision"] == f"next@sha1:{commit}"
    commit = system.push(declared(system))
    system.git("push", "--quiet", "origin", "next:main")
    system.git("checkout", "--quiet", "main")
    system.git("pull", "--quiet")
    until("Ready at the commit", lambda: system.converged(commit))
    until("followed", lambda: "main@" in repository(system)["status"]["artifact"]["revision"])
    assert system.uids() == objects


def test_a_source_that_its_own_revision_broke_is_mended_by_a_push_or_by_hand(system):
    objects = system.uids()
    system.push(declared(system, branch="absent"))
    until("the branch is named", lambda: "absent" in trouble(system))
    # What it follows now is what a push can mend: the branch itself, with the right declaration.
    commit = system.push(declared(system))
    system.git("push", "--quiet", "origin", "main:absent")
    until("Ready at the commit", lambda: system.converged(commit))
    until("mended", lambda: not trouble(system))
    system.push(declared(system, branch="missing"))
    until("the branch is named", lambda: "missing" in trouble(system))
    # By hand: the root is stopped, or it would put back what Git declares.
    patch(system, "kustomizations.kustomize.toolkit.fluxcd.io", '{"suspend":true}')
    patch(system, "gitrepositories", '{"ref":{"branch":"main"}}')
    until("mended", lambda: not trouble(system))
    commit = system.push(declared(system))
    until("fetched", lambda: commit in repository(system)["status"]["artifact"]["revision"])
    patch(system, "kustomizations.kustomize.toolkit.fluxcd.io", '{"suspend":false}')
    until("Ready at the commit", lambda: system.converged(commit))
    assert repository(system)["spec"]["ref"] == {"branch": "main"}
    assert system.uids() == objects
