"""
Receiver: an inbound webhook that makes sources and others look now.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from shared.api.base import SERVED, ApiModel, Flag, Rule, has
from shared.api.duration import Interval, parse_duration
from shared.api.meta import ApiObject, ApiStatus, LocalObjectReference
from shared.api.references import CrossNamespaceReference

_OIDC = "generic-oidc"


class OIDCVariable(ApiModel):
    """
    A named value for the expressions that follow.
    """

    name: str = Field(description="Name of the variable.")
    expression: str = Field(description="CEL expression that gives its value.")


class OIDCValidation(ApiModel):
    """
    A test that a token must pass.
    """

    expression: str = Field(description="CEL expression that must be true.")
    message: str = Field(description="What to say when it is not.")


class OIDCProvider(ApiModel):
    """
    An issuer whose tokens are accepted.
    """

    issuer_url: str = Field(
        alias="issuerURL", description="Address of the issuer.", pattern=r"^https?://"
    )
    audience: str = Field(
        default="notification-controller", description="Audience that tokens must be for."
    )
    variables: tuple[OIDCVariable, ...] = Field(
        default=(), description="Named values for the tests."
    )
    validations: tuple[OIDCValidation, ...] = Field(
        description="Tests that a token must pass.", min_length=1
    )


class ReceiverResource(CrossNamespaceReference):
    """
    Objects that look now when the webhook is called.
    """

    filter: str = Field(
        default="", description="CEL expression over res and req that chooses among them."
    )


class ReceiverSpec(ApiModel):
    """
    Who may call, and what then looks.
    """

    type: Literal[
        "generic",
        "generic-hmac",
        "generic-oidc",
        "github",
        "gitlab",
        "bitbucket",
        "harbor",
        "dockerhub",
        "quay",
        "gcr",
        "nexus",
        "acr",
        "cdevents",
    ] = Field(description="Who calls, and so how a call is checked.")
    resources: tuple[ReceiverResource, ...] = Field(description="The objects that look now.")
    events: tuple[str, ...] = Field(
        default=(), description="Events that count (Git forges and CDEvents); all if empty."
    )
    resource_filter: str = Field(
        default="", description="CEL expression that chooses among all resources."
    )
    secret_ref: LocalObjectReference | None = Field(
        default=None, description="Secret with the entry token."
    )
    oidc_providers: tuple[OIDCProvider, ...] = Field(
        default=(),
        description="Issuers whose tokens are accepted (generic-oidc).",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["issuerURL"],
        },
    )
    interval: Interval = Field(
        default="10m",
        description="How often the Secret is looked at.",
        json_schema_extra=SERVED,
    )
    suspend: Flag = Field(default=False, description="Refuse calls.")

    rules = (
        Rule(
            cel=f"self.type != '{_OIDC}' || "
            "(has(self.oidcProviders) && size(self.oidcProviders) > 0)",
            message="generic-oidc receivers must define at least one oidcProvider",
            holds=lambda spec: spec.type != _OIDC or bool(spec.oidc_providers),
        ),
        Rule(
            cel=f"self.type == '{_OIDC}' || !has(self.oidcProviders) || "
            "size(self.oidcProviders) == 0",
            message="oidcProviders can only be set when type is generic-oidc",
            holds=lambda spec: spec.type == _OIDC or not spec.oidc_providers,
        ),
        Rule(
            cel=f"self.type != '{_OIDC}' || !has(self.secretRef)",
            message="secretRef cannot be set when type is generic-oidc",
            holds=lambda spec: spec.type != _OIDC or not has(spec, "secret_ref"),
        ),
        Rule(
            cel=f"self.type == '{_OIDC}' || has(self.secretRef)",
            message="secretRef is required when type is not generic-oidc",
            holds=lambda spec: spec.type == _OIDC or has(spec, "secret_ref"),
        ),
    )

    @model_validator(mode="after")
    def _name_issuers_once(self) -> Self:
        issuers = [provider.issuer_url for provider in self.oidc_providers]
        if len(issuers) != len(set(issuers)):
            raise ValueError("oidcProviders must have different issuerURLs")
        return self

    @property
    def interval_seconds(self) -> float:
        """
        Seconds between two looks at the Secret.
        """
        return parse_duration(self.interval)


class ReceiverStatus(ApiStatus):
    """
    Where the webhook is, and whether it works.
    """

    webhook_path: str = Field(default="", description="Path that callers must use.")
    last_handled_reconcile_at: str = Field(
        default="", description="The last request to look now that was answered."
    )


class Receiver(ApiObject):
    """
    An inbound webhook that makes sources and others look now.
    """

    api_version: Literal["notification.toolkit.fluxcd.io/v1"] = "notification.toolkit.fluxcd.io/v1"
    kind: Literal["Receiver"] = "Receiver"
    spec: ReceiverSpec = Field(description="What is wanted.")
    status: ReceiverStatus = Field(
        default_factory=lambda: ReceiverStatus(observed_generation=-1),
        description="What was observed.",
    )
