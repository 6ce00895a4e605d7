"""What uvicorn lacks: bounds for connections, for the headers and the time of a request, and for who does not read."""

from app.protocols.config import BoundedConfig

__all__ = ["BoundedConfig"]
