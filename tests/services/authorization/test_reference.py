"""Every served operation against AWS's Service Authorization Reference: actions, resource types and condition keys.

All operations of a service are called, by somebody who may do everything; what they ask is recorded. What is asked on the
way (kms:Decrypt for GetSecretValue, iam:TagUser for CreateUser) is held against the reference of its own action.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.services.call import Call

from .differences import ABSENT, ELSEWHERE, OTHER_ACTIONS, RESOURCES, is_added, reasons
from .house import PREFIXES, SERVICES, Check, House, recording_check
from .reference import Action, family, known
from .scenes import SCENES

Asked = dict[str, list[tuple[str, Check]]]
"""Action -> (operation that was called, what it asked)."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house in which every scene was played."""
    path: Path = tmp_path_factory.mktemp("authorization") / "store.db"
    made = House(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Call, "check", recording_check(made))
        for service in SERVICES:
            SCENES[service](made)
    yield made
    made.database.close()


@pytest.fixture(scope="module")
def by_action(house: House) -> Asked:
    found: Asked = defaultdict(list)
    for (_, operation), checks in house.checks.items():
        for check in checks:
            found[check.action].append((operation, check))
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_asks_for_the_action_of_its_name(house: House, service: str) -> None:
    prefix = PREFIXES[service]
    for name, row in house.service(service).operations.items():
        if row.absent:
            continue
        asked = {each.action for each in house.checks[service, name] if each.action.startswith(f"{prefix}:")}
        action = f"{prefix}:{name}"
        if action in ELSEWHERE:
            assert not asked, name
            continue
        others = OTHER_ACTIONS.get((prefix, name), set[str]())
        expected = {action, *others} if known(action) else others
        assert asked == expected, name
        assert all(known(each) for each in asked), asked


def test_resources_have_the_documented_form(by_action: Asked) -> None:
    others: set[tuple[str, str, str]] = set()
    for action, checks in by_action.items():
        reference = Action(action)
        for operation, check in checks:
            documented = reference.types_of(check.resource) if reference.resource_types else check.resource == "*"
            if not documented:
                others.add((operation, action, check.resource))
    assert others == RESOURCES


def _keys(check: Check) -> set[str]:
    return {family(key) for key in check.context}


def _types(action: Action, checks: list[tuple[str, Check]]) -> set[str]:
    return {kind for _, check in checks for kind in action.types_of(check.resource)}


def _is_second(action: str, operation: str) -> bool:
    """Whether the action is asked beside the one that has the operation's name: with the keys of the whole call."""
    prefix = action.partition(":")[0]
    return action in OTHER_ACTIONS.get((prefix, operation), ()) and known(f"{prefix}:{operation}")


def test_no_condition_key_is_invented(by_action: Asked) -> None:
    invented: list[tuple[str, str, str]] = []
    for action, checks in by_action.items():
        reference = Action(action)
        documented = reference.keys(_types(reference, checks))
        for operation, check in checks:
            if check.via or not _is_second(action, operation):
                invented += [(operation, action, key) for key in _keys(check) - documented if not is_added(key, action)]
    assert not invented


def test_every_documented_condition_key_is_there(by_action: Asked) -> None:
    missing: list[tuple[str, str]] = []
    used: set[str] = set()
    for action, checks in by_action.items():
        reference = Action(action)
        present = set[str]().union(*(_keys(check) for _, check in checks))
        for key in sorted(reference.keys(_types(reference, checks)) - present):
            why = reasons(key, action)
            used |= why
            if not why:
                missing.append((action, key))
    assert not missing
    assert used == {why for _, _, why in ABSENT}, "a difference that is none any more"
