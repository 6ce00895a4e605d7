"""Run the full stack until this program is told to end: private servers, a gateway and workers as processes."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from app.devstack.program import Program
from app.devstack.server import ServerFailed, free_ports, is_free
from app.devstack.stack import ServerMissing, Stack
from app.supervisor import DIED

LOOK_SECONDS = 1.0
"""How often it looks whether a process has died."""
GATEWAYS = 2
"""The processes of the gateway."""
WORKERS = (("orders", "inventory"), ("catalog", "sellers", "notifications"))
"""The domains of each worker."""


def main() -> None:
    """Start everything, say where it is, wait for Ctrl-C or SIGTERM, and stop."""
    parser = argparse.ArgumentParser(prog="python -m app.devstack", description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder that keeps all data; else they are deleted at the end")
    parser.add_argument("--port", type=int, default=0, help="of the gateway; 0, the default, picks a free one")
    parser.add_argument("--servers", action="store_true", help="run the servers alone; print the settings for them")
    options = parser.parse_args()
    if options.port and not is_free(options.port):
        sys.exit(f"devstack: port {options.port} is in use; choose another one with PORT=")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        try:
            with Stack(options.data, durable=options.data is not None) as stack:
                if options.servers:
                    _say(stack.environment)
                    _wait_for_ever()
                _run_marketplace(stack, options.data, options.port)
        except (ServerFailed, ServerMissing, OSError) as error:
            sys.exit(f"devstack: {error}")


def _run_marketplace(stack: Stack, data: Path | None, port: int) -> None:
    with ExitStack() as opened:
        folder = data or Path(opened.enter_context(TemporaryDirectory(prefix="bookstall-shop-")))
        shop = folder.resolve() / "shop"
        settings = {**stack.environment, "BOOKSTALL_DATA": str(shop)}
        print("Private PostgreSQL, RabbitMQ and Redis run; loading the sample shop ...", flush=True)
        _load_samples(settings, shop)
        port = port or free_ports(1)
        programs = _programs(folder, settings, port)
        for program in programs:
            opened.enter_context(program)
        _announce(settings, folder, f"http://127.0.0.1:{port}")
        _keep_alive(programs)


def _load_samples(settings: Mapping[str, str], shop: Path) -> None:
    """Migrates the databases, and fills them on the first start."""
    command = "migrate" if (shop / "samples-loaded").exists() else "seed"
    done = subprocess.run(  # noqa: S603 - the program and its arguments are our own
        [sys.executable, "-m", "app", command],
        env={**os.environ, **settings}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ServerFailed(done.stderr.strip() or f"bookstall {command} failed")
    print(done.stdout.strip().splitlines()[-1], flush=True)


def _programs(folder: Path, settings: Mapping[str, str], port: int) -> Sequence[Program]:
    gateway = ["gateway", "--workers", GATEWAYS, "--port", port]
    programs = [Program("gateway", gateway, folder / "gateway", settings, ready=r"A gateway is ready at ")]
    for domains in WORKERS:
        name = f"worker-of-{domains[0]}"
        chosen = [word for domain in domains for word in ("--domain", domain)]
        programs.append(Program(name, ["worker", *chosen], folder / name, settings, ready=r"Health  http"))
    return programs


def _announce(settings: Mapping[str, str], folder: Path, url: str) -> None:
    option = f" --data {shlex.quote(str(folder / 'shop'))}"
    form = f"a gateway of {GATEWAYS} processes and {len(WORKERS)} workers"
    print(f"Bookstall is ready, as {form}; data and logs are in {folder}")
    print(f"  GraphiQL  {url}/graphiql  (signed in as alice)")
    print(f"  GraphQL   {url}/graphql  (HTTP and websocket)")
    print(f"  Demo      .venv/bin/bookstall demo --url {url}{option}")
    print(f"  Token     .venv/bin/bookstall token --as alice{option}")
    print("For other commands and processes:")
    _say({**settings, "BOOKSTALL_DATA": str(folder / "shop")})
    print("Stop with Ctrl-C.", flush=True)


def _keep_alive(programs: Sequence[Program]) -> NoReturn:
    """Starts anew what dies: kill one, and see."""
    while True:
        time.sleep(LOOK_SECONDS)
        for program in programs:
            if not program.is_running():
                print(f"The {program.name} died and is started anew.", flush=True)
                program.kill()
                program.start()
            for _ in range(program.news().count(DIED.encode())):
                print("A process of the gateway died and is started anew.", flush=True)


def _say(settings: Mapping[str, str]) -> None:
    print(*(f"export {name}={shlex.quote(value)}" for name, value in settings.items()), sep="\n", flush=True)


def _wait_for_ever() -> NoReturn:
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
