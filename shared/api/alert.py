"""
Alert: which events go to which Provider.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from shared.api.base import SERVED, ApiModel, Flag
from shared.api.meta import ApiObject, ApiStatus, LocalObjectReference
from shared.api.references import CrossNamespaceReference


class AlertSpec(ApiModel):
    """
    Which events go to which Provider.
    """

    provider_ref: LocalObjectReference = Field(description="The Provider to send to.")
    event_sources: tuple[CrossNamespaceReference, ...] = Field(
        description="The objects whose events are sent."
    )
    event_severity: Literal["info", "error"] = Field(
        default="info",
        description="The least severity that is sent; info sends all.",
        json_schema_extra=SERVED,
    )
    inclusion_list: tuple[str, ...] = Field(
        default=(), description="Regular expressions; one must match the message. All if empty."
    )
    exclusion_list: tuple[str, ...] = Field(
        default=(), description="Regular expressions; an event that matches one is not sent."
    )
    event_metadata: Mapping[str, str] = Field(
        default_factory=dict, description="Facts to add to each event."
    )
    summary: str = Field(
        default="",
        description="Short text to add to each event; better put into eventMetadata.",
        max_length=255,
    )
    suspend: Flag = Field(default=False, description="Stop sending.")


class AlertStatus(ApiStatus):
    """
    Whether the Alert can work.
    """


class Alert(ApiObject):
    """
    Which events go to which Provider.
    """

    api_version: Literal["notification.toolkit.fluxcd.io/v1beta3"] = (
        "notification.toolkit.fluxcd.io/v1beta3"
    )
    kind: Literal["Alert"] = "Alert"
    spec: AlertSpec = Field(description="What is wanted.")
    status: AlertStatus = Field(default_factory=AlertStatus, description="What was observed.")
