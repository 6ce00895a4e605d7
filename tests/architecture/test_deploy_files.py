"""deploy/ fits the program: its commands, options and settings exist, images are pinned, connections suffice."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from app.cli import app
from app.settings import DOMAINS, InvalidSetting, Settings

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
THEIRS = {name: service for name, service in SERVICES.items() if "build" not in service}

PINNED = re.compile(r"[\w./-]+:\d+\.\d+[\w.-]*")
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
FREE_CONNECTIONS = 10
"""What PostgreSQL keeps for its superuser, and what operators' commands need beside the processes."""

each_of_ours = pytest.mark.parametrize("service", OURS.values(), ids=OURS)


def started(service: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The command that a service runs and what its options come to; raises UsageError for one that is none."""
    name, *options = service["command"]
    command = get_command(app).commands[name]  # pyright: ignore[reportAttributeAccessIssue]
    return name, command.make_context(name, list(options)).params


def environment(service: dict[str, Any], **outside: str) -> dict[str, str]:
    """The variables of a service where these are set outside, say in deploy/.env."""
    return {
        name: outside[name] if value is None else VARIABLE.sub(lambda found: outside.get(found[1], found[2]), value)
        for name, value in service["environment"].items()
        if value is not None or name in outside
    }


def settings(service: dict[str, Any], **outside: str) -> Settings:
    """The settings that a process of ours finds; raises InvalidSetting, also for one that there is not."""
    return Settings.load(
        **{name.removeprefix("BOOKSTALL_").lower(): value for name, value in environment(service, **outside).items()}
    )


@each_of_ours
def test_a_service_runs_a_command_that_is_there_with_options_that_it_has(service: dict[str, Any]) -> None:
    started(service)


def test_one_service_migrates_and_the_others_wait_for_it() -> None:
    (migrate,) = [name for name, service in OURS.items() if started(service)[0] == "migrate"]
    for service in OURS.values():
        if service is not OURS[migrate]:
            assert service["depends_on"][migrate] == {"condition": "service_completed_successfully"}


def test_the_workers_share_the_domains_among_them() -> None:
    worked_for = [domain for service in OURS.values() for domain in started(service)[1].get("domain") or ()]
    assert sorted(worked_for) == sorted(DOMAINS)


@each_of_ours
def test_a_service_finds_the_settings_of_the_full_stack(service: dict[str, Any]) -> None:
    assert all(name.startswith("BOOKSTALL_") for name in service["environment"])
    settings(service).require_full_stack()


def shown_for_production() -> dict[str, str]:
    """The deploy/.env that docs/operations.md shows."""
    (shown,) = re.findall(r"^```sh\n(POSTGRES_PASSWORD=.*?)^```$", OPERATIONS, re.MULTILINE | re.DOTALL)
    return dict(line.split("=", 1) for line in shown.splitlines())


def filled_in() -> dict[str, str]:
    """The same with secrets of one's own."""
    return {
        name: "kept-in-a-safe-place" if value == "change-me" else value
        for name, value in shown_for_production().items()
    }


@each_of_ours
def test_a_service_is_fit_for_production_with_the_file_that_the_manual_shows(service: dict[str, Any]) -> None:
    sound = filled_in()
    assert settings(service, **sound).production
    for name in sound.keys() - {"BOOKSTALL_PRODUCTION", "BOOKSTALL_METRICS_TOKEN"}:
        with pytest.raises(InvalidSetting):
            settings(service, **{given: value for given, value in sound.items() if given != name})


@each_of_ours
def test_no_secret_of_the_manual_is_taken(service: dict[str, Any]) -> None:
    secrets = {name: value for name, value in shown_for_production().items() if value == "change-me"}
    assert len(secrets) == 4
    for name, value in secrets.items():
        with pytest.raises(InvalidSetting):
            settings(service, **filled_in() | {name: value})


def test_whatever_the_manual_sets_is_read_by_the_compose_file() -> None:
    passed_on = {name for service in OURS.values() for name, value in service["environment"].items() if value is None}
    assert shown_for_production().keys() <= passed_on | {name for name, _ in VARIABLE.findall(str(COMPOSE))}


def test_the_settings_that_may_be_set_outside_are_the_programs() -> None:
    for service in OURS.values():
        named = {name.removeprefix("BOOKSTALL_").lower() for name in service["environment"]}
        assert named <= Settings.model_fields.keys()


def test_processes_find_the_servers_by_the_names_of_their_services() -> None:
    for service in OURS.values():
        hosts = {re.split(r"[@/]+", url)[-2].partition(":")[0] for url in environment(service).values() if "://" in url}
        assert hosts == set(THEIRS)


def test_the_image_sets_what_the_program_reads() -> None:
    named = set(re.findall(r"\bBOOKSTALL_(\w+)=", DOCKERFILE))
    assert named
    assert {name.lower() for name in named} <= Settings.model_fields.keys()


def test_every_process_listens_where_its_health_is_asked_for() -> None:
    (port,) = set(re.findall(r"http://127\.0\.0\.1:(\d+)/livez", DOCKERFILE))
    assert f"BOOKSTALL_PORT={port} " in DOCKERFILE
    for service in OURS.values():
        name, options = started(service)
        if name == "worker":
            assert str(options["port"]) == port
        if "ports" in service:
            assert [published.rpartition(":")[2] for published in service["ports"]] == [port]


def test_no_password_is_written_into_the_file() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert "PASS" not in name or VARIABLE.fullmatch(value), name
            for password in re.findall(r"://\w*:(.*)@", str(value)):
                assert VARIABLE.fullmatch(password), name


def test_only_the_gateway_is_reached_from_outside_and_from_this_machine_alone() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["gateway"]
    assert all(port.startswith("127.0.0.1:") for port in published["gateway"])


def test_every_image_is_pinned_to_a_tag() -> None:
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(images) == 2
    for image in (*images, *(service["image"] for service in SERVICES.values())):
        assert PINNED.fullmatch(image), image
    assert re.search(r"\buv==\d+\.\d+\.\d+\b", DOCKERFILE)


def test_our_image_carries_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {service["image"] for service in OURS.values()} == {f"bookstall:{version}"}


def test_the_image_is_made_of_what_is_there_and_let_through() -> None:
    copied = {
        source
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for source in sources.split()
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert copied >= set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert copied == let_through
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert not any(
        fnmatch(source, line) for source in copied for line in lines[lines.index("*") + 1 :] if line[0] != "!"
    )


def test_the_program_runs_as_nobody_special() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER (?!root|0\b)\S+$", final, re.MULTILINE)


def test_every_volume_is_declared() -> None:
    mounted = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert mounted == COMPOSE["volumes"].keys()


def test_every_server_says_when_it_is_ready() -> None:
    assert THEIRS.keys() == {"postgresql", "rabbitmq", "redis"}
    assert all(service["healthcheck"]["test"][0] == "CMD" for service in THEIRS.values())


def test_postgresql_has_a_connection_for_every_pool() -> None:
    needed = 0
    for service in OURS.values():
        name, options = started(service)
        if name != "migrate":
            needed += options.get("workers", 1) * len(DOMAINS) * settings(service).pool_size
    (most,) = re.findall(r"max_connections=(\d+)", " ".join(SERVICES["postgresql"]["command"]))
    assert needed + FREE_CONNECTIONS <= int(most)
