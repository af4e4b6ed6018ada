"""
The kinds that Setpoint implements, as values: names, columns, types.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.api.alert import Alert, AlertSpec, AlertStatus
from shared.api.base import ApiModel
from shared.api.gitrepository import GitRepository, GitRepositorySpec, GitRepositoryStatus
from shared.api.kustomization import Kustomization, KustomizationSpec
from shared.api.kustomization_status import KustomizationStatus
from shared.api.meta import ApiObject, ApiStatus
from shared.api.provider import Provider, ProviderSpec, ProviderStatus
from shared.api.receiver import Receiver, ReceiverSpec, ReceiverStatus

SOURCE_GROUP = "source.toolkit.fluxcd.io"
KUSTOMIZE_GROUP = "kustomize.toolkit.fluxcd.io"
NOTIFICATION_GROUP = "notification.toolkit.fluxcd.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """
    A column of ``kubectl get``.
    """

    name: str
    path: str
    type: str = "string"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindInfo:
    """
    One kind: what it is called, what lists show of it, and its types.

    ``status_default`` is the status that the API server gives to a new object, if any.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    model: type[ApiObject]
    spec: type[ApiModel]
    status: type[ApiStatus]
    status_default: Mapping[str, Any] = field(default_factory=dict)

    @property
    def api_version(self) -> str:
        """
        Group and version, as in ``apiVersion``.
        """
        return f"{self.group}/{self.version}"

    @property
    def crd_name(self) -> str:
        """
        The name of the CustomResourceDefinition.
        """
        return f"{self.plural}.{self.group}"


_AGE = Column(name="Age", path=".metadata.creationTimestamp", type="date")
_READY = Column(name="Ready", path='.status.conditions[?(@.type=="Ready")].status')
_STATUS = Column(name="Status", path='.status.conditions[?(@.type=="Ready")].message')
_NOT_SEEN = {"observedGeneration": -1}  # so that clients see an object that nobody looked at yet

KINDS: tuple[KindInfo, ...] = (
    KindInfo(
        group=SOURCE_GROUP,
        version="v1",
        kind="GitRepository",
        plural="gitrepositories",
        singular="gitrepository",
        short_names=("gitrepo",),
        categories=("all", "fluxcd", "fluxcd-sources"),
        columns=(Column(name="URL", path=".spec.url"), _AGE, _READY, _STATUS),
        model=GitRepository,
        spec=GitRepositorySpec,
        status=GitRepositoryStatus,
        status_default=_NOT_SEEN,
    ),
    KindInfo(
        group=KUSTOMIZE_GROUP,
        version="v1",
        kind="Kustomization",
        plural="kustomizations",
        singular="kustomization",
        short_names=("ks",),
        categories=("all", "fluxcd", "fluxcd-appliers"),
        columns=(_AGE, _READY, _STATUS),
        model=Kustomization,
        spec=KustomizationSpec,
        status=KustomizationStatus,
        status_default=_NOT_SEEN,
    ),
    KindInfo(
        group=NOTIFICATION_GROUP,
        version="v1beta3",
        kind="Alert",
        plural="alerts",
        singular="alert",
        categories=("all", "fluxcd", "fluxcd-notifications"),
        columns=(_AGE, _READY, _STATUS),
        model=Alert,
        spec=AlertSpec,
        status=AlertStatus,
    ),
    KindInfo(
        group=NOTIFICATION_GROUP,
        version="v1beta3",
        kind="Provider",
        plural="providers",
        singular="provider",
        categories=("all", "fluxcd", "fluxcd-notifications"),
        columns=(_AGE, _READY, _STATUS),
        model=Provider,
        spec=ProviderSpec,
        status=ProviderStatus,
    ),
    KindInfo(
        group=NOTIFICATION_GROUP,
        version="v1",
        kind="Receiver",
        plural="receivers",
        singular="receiver",
        categories=("all", "fluxcd", "fluxcd-notifications"),
        columns=(_AGE, _READY, _STATUS),
        model=Receiver,
        spec=ReceiverSpec,
        status=ReceiverStatus,
        status_default=_NOT_SEEN,
    ),
)


def kind_info(kind: str) -> KindInfo:
    """
    Return the kind of this name.

    Raises:
        KeyError: It is none of ours.

    """
    for info in KINDS:
        if info.kind == kind:
            return info
    raise KeyError(kind)
