"""Private servers for tests, benchmarks and development, started from the binaries of the machine."""

from app.devstack.postgresql import PostgreSQL, find_postgresql
from app.devstack.rabbitmq import RabbitMQ, find_rabbitmq
from app.devstack.redis import Redis, find_redis
from app.devstack.server import Server, ServerFailed
from app.devstack.stack import ServerMissing, Stack

__all__ = [
    "PostgreSQL",
    "RabbitMQ",
    "Redis",
    "Server",
    "ServerFailed",
    "ServerMissing",
    "Stack",
    "find_postgresql",
    "find_rabbitmq",
    "find_redis",
]
