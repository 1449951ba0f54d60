"""From the start to the answered `initialize`: in a container, and the same binary without one, in turns.

container.py IMAGE BINARY
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 15
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}


def milliseconds(command: list[str], environment: dict[str, str]) -> float:
    begun = time.monotonic()
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={**os.environ, **environment}) as server:
        server.stdin.write(json.dumps(INITIALIZE) + "\n")
        server.stdin.flush()
        answer = json.loads(server.stdout.readline())
        took = (time.monotonic() - begun) * 1000
        assert answer["result"]["serverInfo"]["name"] == "epr-mcp", answer
        server.stdin.close()
        assert server.wait(60) == 0
    return took


def main() -> None:
    image, binary = sys.argv[1:]
    volume = f"epr-bench-{os.getpid()}"
    inside, bare = [], []
    subprocess.run(["podman", "volume", "create", volume], check=True, stdout=subprocess.DEVNULL)
    try:
        with tempfile.TemporaryDirectory() as folder:
            run = ["podman", "run", "-i", "--rm", "--pull=never", "--network=none", f"-v={volume}:/data", image]
            # The first of each makes its database and warms the caches.
            for number in range(RUNS + 1):
                times = milliseconds(run, {}), milliseconds([binary, "stdio"], {"EPR_DB": f"{folder}/epr.db"})
                if number:
                    inside.append(times[0])
                    bare.append(times[1])
    finally:
        subprocess.run(["podman", "volume", "rm", "--force", volume], check=True, stdout=subprocess.DEVNULL)
    inside.sort()
    bare.sort()
    ratio = statistics.median(inside) / statistics.median(bare)
    print(f"Start to answered initialize, median (fastest to slowest) of {RUNS}, {image}:")
    print(f"  container  {statistics.median(inside):7.1f} ms ({inside[0]:.1f} to {inside[-1]:.1f})")
    print(f"  binary     {statistics.median(bare):7.1f} ms ({bare[0]:.1f} to {bare[-1]:.1f})")
    print(f"  the container takes {ratio:.1f} times as long")


if __name__ == "__main__":
    main()
