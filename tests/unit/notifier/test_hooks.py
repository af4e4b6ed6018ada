"""What a Receiver listens on and whom it pokes."""

import hashlib

import pytest

from services.notifier.core.catalog import Catalog
from services.notifier.core.hooks import hook_of, idle_fields, path_of
from shared.errors import StalledError, WaitingError
from tests.unit.notifier.objects import receiver

SECRET = {"token": b"sesame"}


def test_the_path_is_the_digest_of_token_name_and_namespace():
    expected = "/hook/" + hashlib.sha256(b"sesame" + b"push" + b"apps").hexdigest()
    assert path_of(b"sesame", "push", "apps") == expected
    assert hook_of(receiver(), SECRET).path == expected


def test_entries_default_to_the_receivers_namespace_and_ignore_labels_beside_a_name():
    hook = hook_of(
        receiver(
            resources=[
                {"kind": "GitRepository", "name": "app", "matchLabels": {"a": "b"}},
                {"kind": "GitRepository", "name": "*", "matchLabels": {"a": "b"}},
                {
                    "kind": "Kustomization",
                    "name": "x",
                    "namespace": "other",
                    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
                },
            ]
        ),
        SECRET,
    )
    found = [
        (entry.kind, entry.namespace, entry.name, dict(entry.labels)) for entry in hook.entries
    ]
    assert found == [
        ("GitRepository", "apps", "app", {}),
        ("GitRepository", "apps", "*", {"a": "b"}),
        ("Kustomization", "other", "x", {}),
    ]
    assert hook.faults == ()


@pytest.mark.parametrize(
    ("resource", "fault"),
    [
        ({"kind": "HelmRepository", "name": "x"}, "HelmRepository is not supported yet"),
        ({"kind": "Kustomization", "name": "x"}, "apiVersion must be specified"),
        ({"kind": "GitRepository", "name": "*"}, "without matchLabels"),
        (
            {"kind": "GitRepository", "name": "x", "apiVersion": "example.com/v1"},
            "apiVersion example.com/v1 is not supported yet, no GitRepository is there",
        ),
    ],
)
def test_one_bad_entry_does_not_take_the_others_along(resource, fault):
    good = {"kind": "GitRepository", "name": "app"}
    hook = hook_of(receiver(resources=[resource, good]), SECRET)
    assert [entry.name for entry in hook.entries] == ["app"]
    (found,) = hook.faults
    assert found.startswith("spec.resources[0]: ")
    assert fault in found


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ({"type": "gitlab"}, "spec.type gitlab"),
        ({"resourceFilter": "true"}, "spec.resourceFilter"),
        (
            {"resources": [{"kind": "GitRepository", "name": "x", "filter": "true"}]},
            "spec.resources[0].filter",
        ),
        (
            {"resources": [{"kind": "HelmRelease", "name": "x"}]},
            "spec.resources[].kind HelmRelease",
        ),
    ],
)
def test_what_comes_later_is_refused_by_name(spec, what):
    with pytest.raises(StalledError) as caught:
        hook_of(receiver(**spec), SECRET)
    assert caught.value.reason == "NotSupported"
    assert caught.value.message.startswith(f"{what} ")
    assert "is not supported yet: " in caught.value.message


def test_oidc_is_refused_too():
    oidc = [{"issuerURL": "https://x", "validations": [{"expression": "true", "message": "m"}]}]
    with pytest.raises(StalledError, match="generic-oidc"):
        hook_of(receiver(type="generic-oidc", secretRef=None, oidcProviders=oidc), SECRET)


@pytest.mark.parametrize("secret", [None, {}, {"token": b""}])
def test_without_token_the_receiver_waits(secret):
    with pytest.raises(WaitingError, match="Secret apps/token") as caught:
        hook_of(receiver(), secret)
    assert caught.value.reason == "TokenNotFound"


def test_a_hook_shows_neither_path_nor_token():
    assert "sesame" not in repr(hook_of(receiver(), SECRET))
    assert "/hook/" not in repr(hook_of(receiver(), SECRET))


def test_a_receiver_is_found_at_its_path_alone():
    catalog = Catalog()
    hook = hook_of(receiver(), SECRET)
    catalog.put_hook(("apps", "push"), hook)
    assert catalog.hook_at(hook.path) == hook
    for path in ("/", "/hook/", hook.path + "?x=1", hook.path + "/", hook.path.upper()):
        assert catalog.hook_at(path) is None


def test_a_rotated_token_moves_the_receiver():
    catalog = Catalog()
    old, new = hook_of(receiver(), SECRET), hook_of(receiver(), {"token": b"new"})
    catalog.put_hook(("apps", "push"), old)
    catalog.put_hook(("apps", "push"), new)
    assert catalog.hook_at(old.path) is None
    assert catalog.hook_at(new.path) == new
    catalog.put_hook(("apps", "push"), None)
    assert catalog.hook_at(new.path) is None
    assert repr(catalog) == "Catalog(0 alerts, 0 providers, 0 receivers)"


def test_what_a_receiver_says_in_vain_is_told():
    labels = {"kind": "GitRepository", "name": "app", "matchLabels": {"a": "b"}}
    said = idle_fields(receiver(resources=[labels], events=["push"]))
    assert [one.partition(": ")[0] for one in said] == [
        "spec.resources[0].matchLabels has no effect beside a name",
        "spec.events has no effect",
    ]
    assert idle_fields(receiver(type="github", events=["push"])) == ()
