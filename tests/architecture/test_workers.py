"""Work that happens later: every queue has a worker, every destination one handler, and only the bell queues."""

import ast
import inspect
from collections import Counter, defaultdict

import pytest
import yaml
from django.conf import settings

from oms import outbox
from oms.celery import app
from tests.architecture.source import APPS, PROJECT, calls, modules

app.loader.import_default_modules()
TASKS = {name: task for name, task in app.tasks.items() if name.split(".")[0] in APPS}


def served_queues() -> Counter[str]:
    services = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    commands = [service.get("command", []) for service in services.values()]
    return Counter(
        queue
        for command in commands
        if "--queues" in command
        for queue in command[command.index("--queues") + 1].split(",")
    )


def test_every_task_goes_to_a_queue_that_one_worker_serves():
    assert TASKS
    assert {name: task.queue for name, task in TASKS.items() if task.queue not in settings.QUEUES} == {}
    assert served_queues() == Counter(settings.QUEUES)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_takes_names_of_newer_releases(name):
    kinds = Counter(parameter.kind for parameter in inspect.signature(TASKS[name].run).parameters.values())

    assert kinds[inspect.Parameter.VAR_KEYWORD] == 1, "an old worker must survive a new argument"
    assert not kinds[inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert not kinds[inspect.Parameter.POSITIONAL_ONLY]


def test_the_schedule_names_tasks_that_exist():
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(TASKS)


def test_what_is_scheduled_expires_before_it_is_due_again():
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        assert entry["options"]["expires"] <= entry["schedule"], name


def queueing(tree: ast.AST) -> list[str]:
    """Calls that queue work, or plan it by the broker's clock instead of a row's `next_at`."""
    return [
        f"{call.lineno}: {name}"
        for name, call in calls(tree)
        if name.split(".")[-1] in {"delay", "apply_async", "send_task", "delay_on_commit", "chord", "chain"}
        or {"eta", "countdown"} & {word.arg for word in call.keywords}
    ]


def test_only_the_bell_queues_tasks():
    found = {module.path: queueing(module.tree) for module in modules()}

    assert {path for path, lines in found.items() if lines} == {"oms/tasks.py"}


@pytest.mark.parametrize("code", ["task.delay(1)", "task.apply_async()", "self.retry(countdown=5)", "chain(a, b)"])
def test_work_queued_elsewhere_is_seen(code):
    assert queueing(ast.parse(code))


# -- subscriptions ---------------------------------------------------------------------------------------------------


def subscriptions(tree: ast.AST) -> list[str]:
    """Destinations in the order in which a module subscribes them."""
    return [
        ast.literal_eval(word.value)
        for name, call in calls(tree)
        if name in {"outbox.subscribe", "subscribe"}
        for word in call.keywords
        if word.arg == "to"
    ]


def test_every_destination_has_one_handler_in_the_app_it_is_named_after():
    found = defaultdict(list)
    for module in modules():
        for destination in subscriptions(module.tree):
            found[destination].append(module.path)

    assert found
    for destination, paths in found.items():
        assert paths == [f"{destination.split('.')[0]}/subscribers.py"], destination


def test_a_destination_subscribed_twice_is_seen():
    code = '@outbox.subscribe(A, to="x.y")\ndef f(m): ...\n@outbox.subscribe(B, to="x.y", latest=True)\ndef g(m): ...'

    assert subscriptions(ast.parse(code)) == ["x.y", "x.y"]


def test_every_subscription_is_registered_and_listens_to_a_topic_somebody_publishes():
    registered = {name for destinations in outbox.subscriptions().values() for name in destinations}
    written = {name for module in modules() for name in subscriptions(module.tree)}
    topics = {
        node.value
        for module in modules()
        if module.path.endswith("events.py")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
    }

    assert registered == written
    assert set(outbox.subscriptions()) <= topics
