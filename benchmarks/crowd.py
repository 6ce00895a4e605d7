"""Many clients in one process that cost little: raw websockets that only count messages. See benchmarks/fanout.py.

It reads orders from stdin, one a line, and answers each with a line of JSON: `open KIND COUNT` opens so many clients,
`wait KIND` tells, when each of them has had one message more, the moment at which the last one had it, and
`length KIND` how many bytes that was.
"""

from __future__ import annotations

import base64
import json
import os
import select
import socket
import struct
import sys
import time

AT_A_TIME = 50
READ_BYTES = 1 << 16
SECONDS = 120.0

HEADS = {"bare": ("/bare", ""), "shared": ("/graphql", "Sec-WebSocket-Protocol: graphql-transport-ws\r\n")}


class Client:
    """One websocket; what it is sent is counted and forgotten."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.messages = 0
        self.length = 0
        """The bytes of its last message."""
        self._unread = b""

    def upgrade(self, path: str, more: str) -> None:
        """Ask for a websocket."""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n".encode()
        )

    def upgraded(self) -> None:
        """Read the answer, and whatever comes with it."""
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(READ_BYTES)
        head, _, self._unread = answer.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise SystemExit(head.decode())

    def send(self, message: object) -> None:
        """A message as JSON; masked with zeros, which change nothing."""
        text = json.dumps(message).encode()
        length = bytes([0x80 | len(text)]) if len(text) < 126 else struct.pack("!BH", 0x80 | 126, len(text))
        self.socket.sendall(b"\x81" + length + bytes(4) + text)

    def wait_for(self, messages: int) -> None:
        while self.messages < messages:
            self.read()

    def read(self) -> None:
        """Count the messages in what has come."""
        data = self._unread + self.socket.recv(READ_BYTES)
        place = 0
        while len(data) - place >= 2:
            length, start = data[place + 1], place + 2
            if length == 126:
                length, start = int.from_bytes(data[place + 2 : place + 4]), place + 4
            if len(data) < start + length:
                break
            if data[place] == 0x88:
                raise SystemExit(f"the server closed: {data[start : start + length]!r}")
            if data[place] == 0x81:
                self.messages, self.length = self.messages + 1, length
            place = start + length
        self._unread = data[place:]


class Crowd:
    """All clients of one kind."""

    def __init__(self, kind: str, address: tuple[str, int], subscription: dict[str, object]) -> None:
        self._kind = kind
        self._address = address
        self._subscription = subscription
        self._polled = select.epoll()
        self._clients: dict[int, Client] = {}
        self._expected = 0

    def open(self, count: int) -> None:
        """So many clients, each of which has had all that it is sent at first."""
        for start in range(0, count, AT_A_TIME):
            clients = [Client(self._address) for _ in range(min(AT_A_TIME, count - start))]
            for client in clients:
                client.upgrade(*HEADS[self._kind])
            for client in clients:
                client.upgraded()
            if self._kind == "shared":
                for client in clients:
                    client.send({"type": "connection_init"})
                    client.send({"id": "1", "type": "subscribe", "payload": self._subscription})
                for client in clients:
                    client.wait_for(2)  # the acknowledgement and the snapshot
            for client in clients:
                client.messages = 0
                client.socket.setblocking(False)
                self._clients[client.socket.fileno()] = client
                self._polled.register(client.socket, select.EPOLLIN)

    def length(self) -> int:
        """The bytes of the last message."""
        return max(client.length for client in self._clients.values())

    def wait(self) -> float:
        """The moment at which the last client had one message more."""
        self._expected += 1
        waiting, deadline, last = set(self._clients), time.monotonic() + SECONDS, 0.0
        waiting -= {number for number in waiting if self._clients[number].messages >= self._expected}
        while waiting:
            if time.monotonic() > deadline:
                raise SystemExit(f"{len(waiting)} clients of {self._kind} had no message")
            for number, _ in self._polled.poll(1):
                client = self._clients[number]
                client.read()
                if client.messages >= self._expected:
                    waiting.discard(number)
            last = time.monotonic()
        return last


def main() -> None:
    host, port, subscription = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    crowds = {kind: Crowd(kind, (host, port), subscription) for kind in HEADS}
    for line in sys.stdin:
        match line.split():
            case ["open", kind, count]:
                crowds[kind].open(int(count))
                answer = 0.0
            case ["wait", kind]:
                answer = crowds[kind].wait()
            case ["length", kind]:
                answer = crowds[kind].length()
            case _:
                raise SystemExit(f"no order: {line}")
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
