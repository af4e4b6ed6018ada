"""
Provider: a place that events are sent to.
"""

from typing import Literal

from pydantic import Field

from shared.api.base import ApiModel, Flag, Rule, has
from shared.api.duration import Interval, Timeout, parse_duration
from shared.api.meta import ApiObject, ApiStatus, LocalObjectReference

_TEXT_LIMIT = 2048  # characters of addresses, channels and names
_TIMEOUT = 15.0  # seconds for one delivery if the Provider names no other
_COMMIT_STATUS_TYPES = (
    "github",
    "gitlab",
    "gitea",
    "bitbucketserver",
    "bitbucket",
    "azuredevops",
)

ProviderType = Literal[
    "slack",
    "discord",
    "msteams",
    "rocket",
    "generic",
    "generic-hmac",
    "github",
    "gitlab",
    "gitea",
    "giteapullrequestcomment",
    "bitbucketserver",
    "bitbucket",
    "azuredevops",
    "googlechat",
    "googlepubsub",
    "webex",
    "sentry",
    "azureeventhub",
    "telegram",
    "lark",
    "matrix",
    "opsgenie",
    "alertmanager",
    "grafana",
    "githubdispatch",
    "githubpullrequestcomment",
    "gitlabmergerequestcomment",
    "pagerduty",
    "datadog",
    "nats",
    "zulip",
    "otel",
    "zoom",
    "incident.io",
]


class ProviderSpec(ApiModel):
    """
    Where events are sent to, and how.
    """

    type: ProviderType = Field(description="What is at the other end.")
    address: str = Field(
        default="",
        description="Address to send to; the entry address of the Secret goes before it.",
        max_length=_TEXT_LIMIT,
    )
    channel: str = Field(
        default="",
        description="Channel, room, topic or subject at the other end.",
        max_length=_TEXT_LIMIT,
    )
    username: str = Field(default="", description="Name to appear under.", max_length=_TEXT_LIMIT)
    secret_ref: LocalObjectReference | None = Field(
        default=None,
        description="Secret with address, token, username, password, headers as needed.",
    )
    cert_secret_ref: LocalObjectReference | None = Field(
        default=None, description="Secret with ca.crt, or with tls.crt and tls.key too."
    )
    proxy_secret_ref: LocalObjectReference | None = Field(
        default=None, description="Secret with address and credentials of a proxy."
    )
    proxy: str = Field(
        default="",
        description="Address of a proxy; better put into proxySecretRef.",
        max_length=_TEXT_LIMIT,
        pattern=r"^(http|https)://.*$",
    )
    interval: Interval | None = Field(
        default=None, description="Kept for older manifests; has no effect."
    )
    timeout: Timeout | None = Field(
        default=None, description="Time limit of one delivery; 15s if empty."
    )
    service_account_name: str = Field(
        default="", description="Service account whose cloud identity signs in."
    )
    commit_status_expr: str = Field(
        default="", description="CEL expression that names the commit status (Git providers)."
    )
    suspend: Flag = Field(default=False, description="Stop sending.")

    rules = (
        Rule(
            cel=" || ".join(f"self.type == '{name}'" for name in _COMMIT_STATUS_TYPES)
            + " || !has(self.commitStatusExpr)",
            message="spec.commitStatusExpr is only supported for the 'github', 'gitlab', 'gitea', "
            "'bitbucketserver', 'bitbucket', 'azuredevops' provider types",
            holds=lambda spec: (
                spec.type in _COMMIT_STATUS_TYPES or not has(spec, "commit_status_expr")
            ),
        ),
    )

    @property
    def timeout_seconds(self) -> float:
        """
        Seconds that one delivery may take.
        """
        return parse_duration(self.timeout) if self.timeout is not None else _TIMEOUT


class ProviderStatus(ApiStatus):
    """
    Whether deliveries arrive.
    """


class Provider(ApiObject):
    """
    A place that events are sent to.
    """

    api_version: Literal["notification.toolkit.fluxcd.io/v1beta3"] = (
        "notification.toolkit.fluxcd.io/v1beta3"
    )
    kind: Literal["Provider"] = "Provider"
    spec: ProviderSpec = Field(description="What is wanted.")
    status: ProviderStatus = Field(default_factory=ProviderStatus, description="What was observed.")
