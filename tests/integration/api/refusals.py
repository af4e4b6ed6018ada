"""
What the API refuses: one table, asked of our types and of the API server.

Each case changes a good spec (or status) by its top-level fields; ``None`` takes a field out.
"""

from dataclasses import dataclass

GOOD = {
    "GitRepository": {"url": "https://git.example/team/app", "interval": "1m"},
    "Kustomization": {
        "sourceRef": {"kind": "GitRepository", "name": "app"},
        "interval": "10m",
        "prune": True,
    },
    "Alert": {
        "providerRef": {"name": "chat"},
        "eventSources": [{"kind": "Kustomization", "name": "*"}],
    },
    "Provider": {"type": "generic"},
    "Receiver": {
        "type": "github",
        "resources": [{"kind": "GitRepository", "name": "app"}],
        "secretRef": {"name": "token"},
    },
}

REQUIRED = "Required value"
UNSUPPORTED = "Unsupported value"
PATTERN = "should match"
LONG = "Too long"
SHORT = "should be at least 1 chars long"


def wrong(kind):
    return f"must be of type {kind}"


@dataclass(frozen=True)
class Refusal:
    kind: str
    change: dict
    field: str
    reason: str
    section: str = "spec"
    server_only: bool = False

    @property
    def id(self):
        keys = ",".join(self.change)
        return f"{self.kind}-{self.section}-{keys}-{self.field}-{self.reason[:24]}"

    @property
    def content(self):
        good = GOOD[self.kind] if self.section == "spec" else {}
        return {key: value for key, value in {**good, **self.change}.items() if value is not None}


def _named(name):
    return {"name": name}


def _target(**changes):
    return [{"kind": "GitRepository", "name": "app", **changes}]


_G, _K, _A, _P, _R = "GitRepository", "Kustomization", "Alert", "Provider", "Receiver"
_SERVICE_ACCOUNT = "serviceAccountName can only be set when provider is 'azure' or 'aws'"
_KUBECONFIG = "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef"

GIT = [
    Refusal(_G, {"url": None}, "spec.url", REQUIRED),
    Refusal(_G, {"url": "git@git.example:team/app"}, "spec.url", PATTERN),
    Refusal(_G, {"url": "ftp://git.example/app"}, "spec.url", PATTERN),
    Refusal(_G, {"interval": None}, "spec.interval", REQUIRED),
    Refusal(_G, {"interval": "1d"}, "spec.interval", PATTERN),
    Refusal(_G, {"interval": ""}, "spec.interval", PATTERN),
    Refusal(_G, {"interval": 60}, "spec.interval", wrong("string")),
    Refusal(_G, {"timeout": "1h"}, "spec.timeout", PATTERN),
    Refusal(_G, {"provider": "gitlab"}, "spec.provider", UNSUPPORTED),
    Refusal(_G, {"secretRef": {}}, "spec.secretRef.name", REQUIRED),
    Refusal(_G, {"proxySecretRef": {}}, "spec.proxySecretRef.name", REQUIRED),
    Refusal(_G, {"ref": "main"}, "spec.ref", wrong("object")),
    Refusal(_G, {"ref": {"branch": 1}}, "spec.ref.branch", wrong("string")),
    Refusal(_G, {"verify": {}}, "spec.verify.secretRef", REQUIRED),
    Refusal(_G, {"verify": {"secretRef": {}}}, "spec.verify.secretRef.name", REQUIRED),
    Refusal(
        _G,
        {"verify": {"mode": "tag", "secretRef": _named("keys")}},
        "spec.verify.mode",
        UNSUPPORTED,
    ),
    Refusal(_G, {"include": [{}]}, "spec.include[0].repository", REQUIRED),
    Refusal(_G, {"include": [{"repository": {}}]}, "spec.include[0].repository.name", REQUIRED),
    Refusal(_G, {"sparseCheckout": [1]}, "spec.sparseCheckout[0]", wrong("string")),
    Refusal(_G, {"suspend": "yes"}, "spec.suspend", wrong("boolean")),
    Refusal(_G, {"recurseSubmodules": "no"}, "spec.recurseSubmodules", wrong("boolean")),
    Refusal(_G, {"serviceAccountName": "robot"}, "spec", _SERVICE_ACCOUNT),
    Refusal(_G, {"serviceAccountName": "robot", "provider": "github"}, "spec", _SERVICE_ACCOUNT),
]

KUSTOMIZATION = [
    Refusal(_K, {"sourceRef": None}, "spec.sourceRef", REQUIRED),
    Refusal(
        _K,
        {"sourceRef": {"kind": "HelmRepository", "name": "a"}},
        "spec.sourceRef.kind",
        UNSUPPORTED,
    ),
    Refusal(_K, {"sourceRef": {"kind": "GitRepository"}}, "spec.sourceRef.name", REQUIRED),
    Refusal(_K, {"sourceRef": {"name": "app"}}, "spec.sourceRef.kind", REQUIRED),
    Refusal(_K, {"prune": None}, "spec.prune", REQUIRED),
    Refusal(_K, {"prune": "true"}, "spec.prune", wrong("boolean")),
    Refusal(_K, {"interval": None}, "spec.interval", REQUIRED),
    Refusal(_K, {"interval": "5"}, "spec.interval", PATTERN),
    Refusal(_K, {"retryInterval": "never"}, "spec.retryInterval", PATTERN),
    Refusal(_K, {"timeout": "1y"}, "spec.timeout", PATTERN),
    Refusal(_K, {"wait": "yes"}, "spec.wait", wrong("boolean")),
    Refusal(_K, {"force": "yes"}, "spec.force", wrong("boolean")),
    Refusal(_K, {"targetNamespace": ""}, "spec.targetNamespace", SHORT),
    Refusal(_K, {"targetNamespace": "n" * 64}, "spec.targetNamespace", LONG),
    Refusal(_K, {"namePrefix": ""}, "spec.namePrefix", SHORT),
    Refusal(_K, {"namePrefix": "p" * 201}, "spec.namePrefix", LONG),
    Refusal(_K, {"nameSuffix": ""}, "spec.nameSuffix", SHORT),
    Refusal(_K, {"nameSuffix": "s" * 201}, "spec.nameSuffix", LONG),
    Refusal(_K, {"dependsOn": [{}]}, "spec.dependsOn[0].name", REQUIRED),
    Refusal(_K, {"healthChecks": [_named("a")]}, "spec.healthChecks[0].kind", REQUIRED),
    Refusal(_K, {"healthChecks": [{"kind": "Job"}]}, "spec.healthChecks[0].name", REQUIRED),
    Refusal(
        _K,
        {"healthCheckExprs": [{"apiVersion": "v1"}]},
        "spec.healthCheckExprs[0].current",
        REQUIRED,
    ),
    Refusal(
        _K,
        {"healthCheckExprs": [{"current": "true"}]},
        "spec.healthCheckExprs[0].apiVersion",
        REQUIRED,
    ),
    Refusal(_K, {"patches": [{}]}, "spec.patches[0].patch", REQUIRED),
    Refusal(_K, {"images": [{}]}, "spec.images[0].name", REQUIRED),
    Refusal(_K, {"components": "x"}, "spec.components", wrong("array")),
    Refusal(_K, {"buildMetadata": ["all"]}, "spec.buildMetadata[0]", UNSUPPORTED),
    Refusal(
        _K,
        {"commonMetadata": {"labels": {"a": 1}}},
        "spec.commonMetadata.labels.a",
        wrong("string"),
    ),
    Refusal(
        _K,
        {"postBuild": {"substitute": {"replicas": 3}}},
        "spec.postBuild.substitute.replicas",
        wrong("string"),
    ),
    Refusal(
        _K,
        {"postBuild": {"substituteFrom": [{"kind": "Job", "name": "a"}]}},
        "spec.postBuild.substituteFrom[0].kind",
        UNSUPPORTED,
    ),
    Refusal(
        _K,
        {"postBuild": {"substituteFrom": [{"kind": "Secret", "name": ""}]}},
        "spec.postBuild.substituteFrom[0].name",
        SHORT,
    ),
    Refusal(
        _K,
        {"postBuild": {"substituteFrom": [{"kind": "Secret", "name": "n" * 254}]}},
        "spec.postBuild.substituteFrom[0].name",
        LONG,
    ),
    Refusal(
        _K,
        {"postBuild": {"substituteFrom": [{"kind": "Secret", "name": "a", "optional": "no"}]}},
        "spec.postBuild.substituteFrom[0].optional",
        wrong("boolean"),
    ),
    Refusal(
        _K,
        {"postBuild": {"substituteStrategy": "Never"}},
        "spec.postBuild.substituteStrategy",
        UNSUPPORTED,
    ),
    Refusal(_K, {"decryption": {}}, "spec.decryption.provider", REQUIRED),
    Refusal(_K, {"decryption": {"provider": "age"}}, "spec.decryption.provider", UNSUPPORTED),
    Refusal(
        _K,
        {"decryption": {"provider": "sops", "secretRef": {}}},
        "spec.decryption.secretRef.name",
        REQUIRED,
    ),
    Refusal(_K, {"kubeConfig": {}}, "spec.kubeConfig", _KUBECONFIG),
    Refusal(
        _K,
        {"kubeConfig": {"secretRef": _named("a"), "configMapRef": _named("b")}},
        "spec.kubeConfig",
        _KUBECONFIG,
    ),
    Refusal(_K, {"kubeConfig": {"secretRef": {}}}, "spec.kubeConfig.secretRef.name", REQUIRED),
    Refusal(
        _K, {"kubeConfig": {"configMapRef": {}}}, "spec.kubeConfig.configMapRef.name", REQUIRED
    ),
    Refusal(_K, {"ignore": [{}]}, "spec.ignore[0].paths", REQUIRED),
    Refusal(_K, {"deletionPolicy": "delete"}, "spec.deletionPolicy", UNSUPPORTED),
    Refusal(_K, {"driftDetection": {"mode": "off"}}, "spec.driftDetection.mode", UNSUPPORTED),
]

NOTIFICATION = [
    Refusal(_A, {"providerRef": None}, "spec.providerRef", REQUIRED),
    Refusal(_A, {"providerRef": {}}, "spec.providerRef.name", REQUIRED),
    Refusal(_A, {"eventSources": None}, "spec.eventSources", REQUIRED),
    Refusal(_A, {"eventSources": [_named("a")]}, "spec.eventSources[0].kind", REQUIRED),
    Refusal(_A, {"eventSources": [{"kind": "Bucket"}]}, "spec.eventSources[0].name", REQUIRED),
    Refusal(_A, {"eventSources": _target(kind="Job")}, "spec.eventSources[0].kind", UNSUPPORTED),
    Refusal(_A, {"eventSources": _target(name="")}, "spec.eventSources[0].name", SHORT),
    Refusal(_A, {"eventSources": _target(name="n" * 254)}, "spec.eventSources[0].name", LONG),
    Refusal(_A, {"eventSources": _target(namespace="")}, "spec.eventSources[0].namespace", SHORT),
    Refusal(
        _A, {"eventSources": _target(namespace="n" * 254)}, "spec.eventSources[0].namespace", LONG
    ),
    Refusal(_A, {"eventSeverity": "warning"}, "spec.eventSeverity", UNSUPPORTED),
    Refusal(_A, {"summary": "s" * 256}, "spec.summary", LONG),
    Refusal(_A, {"inclusionList": "all"}, "spec.inclusionList", wrong("array")),
    Refusal(_A, {"eventMetadata": {"a": 1}}, "spec.eventMetadata.a", wrong("string")),
    Refusal(_P, {"type": None}, "spec.type", REQUIRED),
    Refusal(_P, {"type": "smtp"}, "spec.type", UNSUPPORTED),
    Refusal(_P, {"address": "a" * 2049}, "spec.address", LONG),
    Refusal(_P, {"channel": "c" * 2049}, "spec.channel", LONG),
    Refusal(_P, {"username": "u" * 2049}, "spec.username", LONG),
    Refusal(_P, {"proxy": "socks5://proxy"}, "spec.proxy", PATTERN),
    Refusal(_P, {"proxy": "http://" + "p" * 2042}, "spec.proxy", LONG),
    Refusal(_P, {"timeout": "1h"}, "spec.timeout", PATTERN),
    Refusal(_P, {"interval": "often"}, "spec.interval", PATTERN),
    Refusal(_P, {"secretRef": {}}, "spec.secretRef.name", REQUIRED),
    Refusal(_P, {"certSecretRef": {}}, "spec.certSecretRef.name", REQUIRED),
    Refusal(_P, {"proxySecretRef": {}}, "spec.proxySecretRef.name", REQUIRED),
    Refusal(
        _P,
        {"type": "slack", "commitStatusExpr": "'x'"},
        "spec",
        "spec.commitStatusExpr is only supported for",
    ),
]

_OIDC_PROVIDER = {
    "issuerURL": "https://issuer.example",
    "validations": [{"expression": "true", "message": "no"}],
}


def _oidc(*providers, **changes):
    return {
        "type": "generic-oidc",
        "secretRef": None,
        "oidcProviders": list(providers),
        **changes,
    }


def _issuer(**changes):
    merged = {**_OIDC_PROVIDER, **changes}
    return _oidc({key: value for key, value in merged.items() if value is not None})


_FIRST = "spec.oidcProviders[0]"

RECEIVER = [
    Refusal(_R, {"type": None}, "spec.type", REQUIRED),
    Refusal(_R, {"type": "gitea"}, "spec.type", UNSUPPORTED),
    Refusal(_R, {"resources": None}, "spec.resources", REQUIRED),
    Refusal(_R, {"resources": [_named("a")]}, "spec.resources[0].kind", REQUIRED),
    Refusal(_R, {"resources": [{"kind": "Bucket"}]}, "spec.resources[0].name", REQUIRED),
    Refusal(_R, {"resources": _target(kind="Job")}, "spec.resources[0].kind", UNSUPPORTED),
    Refusal(_R, {"resources": _target(name="n" * 254)}, "spec.resources[0].name", LONG),
    Refusal(_R, {"resources": _target(namespace="")}, "spec.resources[0].namespace", SHORT),
    Refusal(_R, {"interval": "sometimes"}, "spec.interval", PATTERN),
    Refusal(_R, {"secretRef": None}, "spec", "secretRef is required when type is not generic-oidc"),
    Refusal(
        _R,
        _oidc(_OIDC_PROVIDER, secretRef=_named("token")),
        "spec",
        "secretRef cannot be set when type is generic-oidc",
    ),
    Refusal(_R, _oidc(), "spec", "generic-oidc receivers must define at least one oidcProvider"),
    Refusal(
        _R,
        {"oidcProviders": [_OIDC_PROVIDER]},
        "spec",
        "oidcProviders can only be set when type is generic-oidc",
    ),
    Refusal(_R, _issuer(issuerURL=None), f"{_FIRST}.issuerURL", REQUIRED),
    Refusal(_R, _issuer(issuerURL="ldap://x"), f"{_FIRST}.issuerURL", PATTERN),
    Refusal(_R, _issuer(validations=None), f"{_FIRST}.validations", REQUIRED),
    Refusal(_R, _issuer(validations=[]), f"{_FIRST}.validations", "should have at least 1 items"),
    Refusal(
        _R,
        _issuer(validations=[{"message": "no"}]),
        f"{_FIRST}.validations[0].expression",
        REQUIRED,
    ),
    Refusal(
        _R,
        _issuer(validations=[{"expression": "true"}]),
        f"{_FIRST}.validations[0].message",
        REQUIRED,
    ),
    Refusal(_R, _issuer(variables=[_named("v")]), f"{_FIRST}.variables[0].expression", REQUIRED),
    Refusal(
        _R,
        _issuer(variables=[{"expression": "1"}]),
        f"{_FIRST}.variables[0].name",
        REQUIRED,
    ),
    Refusal(_R, _oidc(_OIDC_PROVIDER, _OIDC_PROVIDER), "spec", "Duplicate value"),
]

SPECS = [*GIT, *KUSTOMIZATION, *NOTIFICATION, *RECEIVER]
