"""
Structured logs: one JSON object a line on stderr, in the keys that ``flux logs`` reads.

Values of the type ``Secret`` never show; an object is bound once with ``bind_object``.
"""

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

Logger = structlog.typing.FilteringBoundLogger
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "error": logging.ERROR}
_FIELD_LIMIT = 8192  # characters; one line must not grow with what a repository holds


def configure(level: str, *, controller: str, namespace: str) -> None:
    """
    Set up logging of this process.

    Args:
        level: ``debug``, ``info`` or ``error``; anything else counts as ``info``.
        controller: What dashboards know the service as, such as ``source-controller``.
        namespace: The service's own, for lines that speak of no object: a line without a
            namespace would not be shown by ``flux logs``.

    """

    def complete(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("controller", controller)
        event.setdefault("namespace", namespace)
        event["msg"] = event.pop("event", "")
        return event

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            _warning_is_info,
            _bounded,
            complete,
            structlog.processors.JSONRenderer(serializer=_dump),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS.get(level, logging.INFO)),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.CRITICAL, handlers=[logging.NullHandler()], force=True)


def get() -> Logger:
    """
    Return a logger.
    """
    logger: Logger = structlog.get_logger()
    return logger


def bind_object(logger: Logger, *, group: str, kind: str, namespace: str, name: str) -> Logger:
    """
    Bind what a line speaks about.
    """
    return logger.bind(
        controllerGroup=group,
        controllerKind=kind,
        namespace=namespace,
        name=name,
        **{kind: {"name": name, "namespace": namespace}},
    )


def _warning_is_info(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # The reference knows debug, info and error only; `flux logs --level` compares exactly.
    if event.get("level") == "warning":
        event["level"] = "info"
    elif event.get("level") in {"critical", "exception"}:
        event["level"] = "error"
    return event


def _bounded(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and len(value) > _FIELD_LIMIT:
            event[key] = value[:_FIELD_LIMIT] + "..."
    return event


def _dump(event: Any, **_: Any) -> bytes:
    data = orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS)
    text = data.decode()
    if text.isprintable():
        return data
    # What others wrote: a terminal must neither obey it nor turn it around.
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text).encode()
