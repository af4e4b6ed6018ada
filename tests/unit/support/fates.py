"""
What becomes of each field of the five specs: it works, it is refused, or it is said to be idle.

A field without an entry fails ``test_fates.py``; what is below a refused field is refused with it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Works:
    """
    ``proof`` is a test that fails when the field does nothing, as ``file::test`` below ``tests/``.

    Of an enumeration, ``values`` are those that work; the others are refused. All work if empty.
    """

    proof: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """
    The status says NotSupported, names the field and what to do.
    """


@dataclass(frozen=True)
class Idle:
    """
    The field has no effect, and the message of Ready says so.
    """


REFUSED, IDLE = Refused(), Idle()

_THREAD = "integration/source/test_thread.py::"
_GIT = "integration/source/test_git.py::"
_REFERENCES = f"{_GIT}test_every_kind_of_reference_is_fetched"
_SECRET = f"{_THREAD}test_rejected_and_missing_credentials_are_told_and_a_mended_secret_is_used"

GIT_REPOSITORY = {
    "url": Works("unit/source/test_location.py::test_the_parts_of_an_address_are_read"),
    "interval": Works(
        f"{_THREAD}test_a_new_commit_is_found_at_the_interval_and_is_one_step_further"
    ),
    "timeout": Works(
        "integration/source/test_hostile.py::"
        "test_an_origin_that_says_nothing_costs_its_timeout_and_nobody_elses"
    ),
    "ref": Works(_REFERENCES),
    "ref.branch": Works(_REFERENCES),
    "ref.commit": Works(_REFERENCES),
    "ref.name": Works(_REFERENCES),
    "ref.semver": Works(_REFERENCES),
    "ref.tag": Works(_REFERENCES),
    "secretRef": Works(_SECRET),
    "secretRef.name": Works(_SECRET),
    "provider": Works(_SECRET, values=("generic",)),
    "serviceAccountName": REFUSED,
    "verify": REFUSED,
    "proxySecretRef": REFUSED,
    "ignore": Works(
        f"{_THREAD}test_another_ignore_list_makes_another_artifact_of_the_same_revision"
    ),
    "suspend": Works(f"{_THREAD}test_a_suspended_source_is_not_looked_at_and_answers_requests"),
    "recurseSubmodules": REFUSED,
    "include": REFUSED,
    "sparseCheckout": REFUSED,
}

_ALL_AT_ONCE = (
    "integration/reconciler/test_fields.py::test_what_a_declaration_says_shows_in_what_is_applied"
)
_VARIABLES = "integration/reconciler/test_fields.py::test_variables_come_in_their_order"
_SELECTORS = (
    "unit/reconciler/core/test_ignore_rules.py::TestSelectors.test_all_parts_must_match_as_a_whole"
)
_IGNORE = "integration/reconciler/test_drift.py::test_ignored_fields_belong_to_others"
_PASS = "integration/reconciler/test_pass.py::"
_HEALTH = "integration/reconciler/test_health.py::"
_CHECKS = f"{_HEALTH}test_a_named_health_check_of_somebody_elses_object_is_followed"
_DEPENDS = f"{_HEALTH}test_a_dependency_is_waited_for_and_wakes_its_dependents"
_OBSTACLES = "unit/reconciler/core/test_obstacles.py::"
_SOURCE = f"{_OBSTACLES}test_a_source_is_looked_for_where_the_reference_says"
_SCHEDULE = "unit/reconciler/core/test_schedule.py::"
_TARGET = ("annotationSelector", "group", "kind", "labelSelector", "name", "namespace", "version")

KUSTOMIZATION = {
    "sourceRef": Works(_SOURCE),
    "sourceRef.apiVersion": Works(f"{_OBSTACLES}test_a_source_of_another_group_is_refused"),
    "sourceRef.kind": Works(_SOURCE, values=("GitRepository",)),
    "sourceRef.name": Works(_SOURCE),
    "sourceRef.namespace": Works(_SOURCE),
    "path": Works(f"{_PASS}test_a_missing_path_a_missing_namespace_and_a_missing_source_are_named"),
    "prune": Works("integration/reconciler/test_fields.py::test_without_prune_nothing_is_deleted"),
    "interval": Works(
        f"{_SCHEDULE}test_success_comes_again_after_the_interval_give_or_take_a_twentieth"
    ),
    "retryInterval": Works(f"{_SCHEDULE}test_other_ends_have_their_own_delay"),
    "timeout": Works(f"{_HEALTH}test_an_object_that_never_gets_well_fails_the_check_by_name"),
    "wait": Works(
        f"{_HEALTH}test_a_rollout_is_awaited_and_a_failed_one_is_named_and_mended_by_a_commit"
    ),
    "healthChecks": Works(_CHECKS),
    "healthChecks[].apiVersion": Works(_CHECKS),
    "healthChecks[].kind": Works(_CHECKS),
    "healthChecks[].name": Works(_CHECKS),
    "healthChecks[].namespace": Works(_CHECKS),
    "healthCheckExprs": REFUSED,
    "dependsOn": Works(_DEPENDS),
    "dependsOn[].name": Works(_DEPENDS),
    "dependsOn[].namespace": Works(
        f"{_OBSTACLES}test_a_dependency_is_looked_for_where_the_reference_says"
    ),
    "dependsOn[].readyExpr": REFUSED,
    "suspend": Works(f"{_PASS}test_a_request_is_answered_and_a_suspended_one_does_no_work"),
    "targetNamespace": Works(_ALL_AT_ONCE),
    "commonMetadata": Works(_ALL_AT_ONCE),
    "commonMetadata.annotations": Works(_ALL_AT_ONCE),
    "commonMetadata.labels": Works(_ALL_AT_ONCE),
    "namePrefix": Works(_ALL_AT_ONCE),
    "nameSuffix": Works(_ALL_AT_ONCE),
    "patches": Works(_ALL_AT_ONCE),
    "patches[].patch": Works(_ALL_AT_ONCE),
    "patches[].target": Works(_ALL_AT_ONCE),
    **{f"patches[].target.{part}": Works(_ALL_AT_ONCE) for part in _TARGET},
    "images": Works(_ALL_AT_ONCE),
    "images[].digest": Works(_ALL_AT_ONCE),
    "images[].name": Works(_ALL_AT_ONCE),
    "images[].newName": Works(_ALL_AT_ONCE),
    "images[].newTag": Works(_ALL_AT_ONCE),
    "components": Works(_ALL_AT_ONCE),
    "ignoreMissingComponents": Works(_ALL_AT_ONCE),
    "buildMetadata": Works(_ALL_AT_ONCE),
    "postBuild": Works(_VARIABLES),
    "postBuild.substitute": Works(_VARIABLES),
    "postBuild.substituteFrom": Works(_VARIABLES),
    "postBuild.substituteFrom[].kind": Works(_VARIABLES),
    "postBuild.substituteFrom[].name": Works(_VARIABLES),
    "postBuild.substituteFrom[].optional": Works(_VARIABLES),
    "postBuild.substituteStrategy": Works(
        "integration/renderer/test_substitution.py::"
        "test_the_strategy_always_substitutes_without_variables"
    ),
    "decryption": REFUSED,
    "serviceAccountName": REFUSED,
    "kubeConfig": REFUSED,
    "force": Works(f"{_PASS}test_an_immutable_object_is_replaced_only_where_force_asks_for_it"),
    "ignore": Works(_IGNORE),
    "ignore[].paths": Works(_IGNORE),
    "ignore[].target": Works(_IGNORE),
    **{f"ignore[].target.{part}": Works(_SELECTORS) for part in _TARGET},
    "deletionPolicy": Works(
        "integration/reconciler/test_fields.py::test_each_deletion_policy_does_what_it_says"
    ),
    "driftDetection": Works(
        "integration/reconciler/test_drift.py::"
        "test_warn_reports_once_and_leaves_the_object_until_a_new_revision"
    ),
    "driftDetection.mode": Works(
        "integration/reconciler/test_drift.py::"
        "test_warn_reports_once_and_leaves_the_object_until_a_new_revision"
    ),
}

_MATCH = "unit/notifier/test_match.py::"
_SELECTS = f"{_MATCH}test_a_source_selects_by_kind_name_and_namespace"
_LISTS = f"{_MATCH}test_the_exclusion_list_wins_over_the_inclusion_list"
_ORDERS = "unit/notifier/test_dispatch_step.py::test_each_provider_gets_an_order_with_its_own_id"
_FACTS = "unit/notifier/test_metadata.py::test_each_origin_overrides_the_one_before_it"
_SERVED = ("GitRepository", "Kustomization")

ALERT = {
    "providerRef": Works(_ORDERS),
    "providerRef.name": Works(_ORDERS),
    "eventSources": Works(_SELECTS),
    "eventSources[].apiVersion": Works(
        f"{_MATCH}test_sources_that_send_no_events_are_named_and_the_others_select"
    ),
    "eventSources[].kind": Works(_SELECTS, values=_SERVED),
    "eventSources[].matchLabels": Works(f"{_MATCH}test_labels_of_the_object_must_all_match"),
    "eventSources[].name": Works(_SELECTS),
    "eventSources[].namespace": Works(_SELECTS),
    "eventSeverity": Works(f"{_MATCH}test_severity_error_selects_errors_only"),
    "inclusionList": Works(_LISTS),
    "exclusionList": Works(_LISTS),
    "eventMetadata": Works(_FACTS),
    "summary": Works(_FACTS),
    "suspend": Works(f"{_MATCH}test_a_suspended_alert_selects_nothing"),
}

_JOINED = "unit/notifier/test_target.py::test_the_secret_goes_before_the_spec"
_SIGNED = (
    "integration/notifier/test_deliver.py::test_a_signed_webhook_has_the_signature_of_its_bytes"
)

PROVIDER = {
    "type": Works(_SIGNED, values=("generic", "generic-hmac", "slack")),
    "address": Works(_SIGNED),
    "channel": Works(_JOINED),
    "username": Works(_JOINED),
    "secretRef": Works(_SIGNED),
    "secretRef.name": Works(_SIGNED),
    "certSecretRef": REFUSED,
    "proxySecretRef": REFUSED,
    "proxy": REFUSED,
    "interval": IDLE,
    "timeout": Works(_JOINED),
    "serviceAccountName": REFUSED,
    "commitStatusExpr": REFUSED,
    "suspend": Works(
        "unit/notifier/test_deliver_step.py::"
        "test_a_suspended_provider_keeps_what_waits_until_it_is_resumed"
    ),
}

_CALLS = "integration/notifier/test_receive.py::"
_ENTRIES = (
    "unit/notifier/test_hooks.py::"
    "test_entries_default_to_the_receivers_namespace_and_ignore_labels_beside_a_name"
)

RECEIVER = {
    "type": Works(
        f"{_CALLS}test_only_what_is_genuine_is_let_in",
        values=("generic", "generic-hmac", "github"),
    ),
    "resources": Works(_ENTRIES),
    "resources[].apiVersion": Works(
        "unit/notifier/test_hooks.py::test_one_bad_entry_does_not_take_the_others_along"
    ),
    "resources[].filter": REFUSED,
    "resources[].kind": Works(_ENTRIES, values=_SERVED),
    "resources[].matchLabels": Works(_ENTRIES),
    "resources[].name": Works(_ENTRIES),
    "resources[].namespace": Works(_ENTRIES),
    "events": Works(
        "unit/notifier/test_verify.py::"
        "test_events_count_as_the_list_says_and_ping_is_none_of_its_own"
    ),
    "resourceFilter": REFUSED,
    "secretRef": Works(f"{_CALLS}test_a_missing_secret_shows_in_the_status_and_clears_the_path"),
    "secretRef.name": Works(
        f"{_CALLS}test_a_missing_secret_shows_in_the_status_and_clears_the_path"
    ),
    "oidcProviders": REFUSED,
    "interval": Works(
        "unit/notifier/test_report_step.py::test_a_rotated_token_is_seen_within_the_interval"
    ),
    "suspend": Works(f"{_CALLS}test_a_suspended_receiver_answers_503"),
}

FATES = {
    "GitRepository": GIT_REPOSITORY,
    "Kustomization": KUSTOMIZATION,
    "Alert": ALERT,
    "Provider": PROVIDER,
    "Receiver": RECEIVER,
}
