"""nginx and haproxy in front of two nodes that are restarted in turn under load: no request fails.

usage: proxies.py NODE [REQUESTS]

NODE is a program that serves `kinds.Kinds/Double`: `target/debug/kinds`. REQUESTS is the number of
requests through each proxy, 20,000 by default. Needs `nginx` and `haproxy`. Exits with 1 if a request
fails. The settings of the proxies are those that docs/production.md recommends.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

NODE = sys.argv[1]
REQUESTS = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
CLIENTS = 32
DEADLINE = 60
BODY = b'{"value":21}'
REQUEST = (
    b"POST /kinds.Kinds/Double HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(BODY), BODY)
)

NGINX = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  upstream nodes {{
    # A node that is restarted refuses connections. nginx then takes the other one, each time.
    server 127.0.0.1:{nodes[0]} max_fails=0;
    server 127.0.0.1:{nodes[1]} max_fails=0;
    keepalive 64;
    # Shorter than the nodes' limits.http1_keep_alive_timeout, 75 s.
    keepalive_timeout 60s;
  }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_requests 1000000;
    location / {{
      proxy_pass http://nodes;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_connect_timeout 1s;
    }}
  }}
}}
"""

HAPROXY = """
defaults
  mode http
  timeout connect 1s
  timeout check 2s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
  retries 3
  option redispatch 1
frontend front
  bind 127.0.0.1:{port}
  default_backend nodes
backend nodes
  option httpchk GET /readyz
  http-check send hdr host localhost
  default-server check inter 100ms fall 1 rise 1
  server a 127.0.0.1:{nodes[0]}
  server b 127.0.0.1:{nodes[1]}
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def until(what, condition):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what}"
        await asyncio.sleep(0.01)


class Node:
    """A node on a port of its own, which keeps its port when it is restarted."""

    def __init__(self, directory):
        self.port = free_port()
        self.log = open(os.path.join(directory, f"node-{self.port}.log"), "ab")

    async def start(self):
        variables = {k: v for k, v in os.environ.items() if not k.startswith("MICRO_")}
        # The proxies know the addresses, so the registry is in memory.
        variables.update(MICRO_ADDRESS=f"127.0.0.1:{self.port}", MICRO_REGISTRY="memory")
        variables.update(MICRO_EVENTS="memory", MICRO_BROKER="memory")
        self.process = subprocess.Popen([NODE], env=variables, stdout=self.log, stderr=self.log)
        await until("a node listens", lambda: self.is_running() and listens(self.port))

    def is_running(self):
        assert self.process.poll() is None, "a node has ended"
        return True

    async def restart(self):
        self.process.send_signal(signal.SIGTERM)
        await until("a node stops", lambda: self.process.poll() is not None)
        assert self.process.returncode == 0, f"a node ended with {self.process.returncode}"
        await self.start()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Load:
    """Clients that send one request after the other on connections that they keep."""

    def __init__(self, port):
        self.port = port
        self.left = REQUESTS
        self.answered = 0
        self.failures = []

    async def client(self):
        reader = writer = None
        while self.left > 0:
            self.left -= 1
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(REQUEST)
                await writer.drain()
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE)
                fields = [line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:] if line]
                fields = {name: value.strip() for name, value in fields}
                body = await reader.readexactly(int(fields[b"content-length"]))
            except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, KeyError) as error:
                self.failures.append(repr(error))
                writer.close()
                writer = None
                continue
            if head.startswith(b"HTTP/1.1 200 ") and b"42" in body:
                self.answered += 1
            else:
                self.failures.append(head.split(b"\r\n")[0].decode())
            if fields.get(b"connection") == b"close":
                writer.close()
                writer = None
        if writer is not None:
            writer.close()


async def restarts(nodes, load):
    count = 0
    while load.left > 0:
        await nodes[count % 2].restart()
        count += 1
        # Both nodes serve for a moment. A health check has seen the new one by then.
        await asyncio.sleep(0.4)
    return count


async def through(name, config, command, nodes, directory):
    port = free_port()
    path = os.path.join(directory, f"{name}.conf")
    with open(path, "w") as file:
        file.write(config.format(directory=directory, port=port, nodes=[n.port for n in nodes]))
    with open(os.path.join(directory, f"{name}.log"), "wb") as log:
        proxy = subprocess.Popen([*command, path], stdout=log, stderr=log)
    try:
        await until(f"{name} listens", lambda: proxy.poll() is None and listens(port))
        load = Load(port)
        begin = time.monotonic()
        restarting = asyncio.create_task(restarts(nodes, load))
        await asyncio.gather(*(load.client() for _ in range(CLIENTS)))
        took = time.monotonic() - begin
        count = await restarting
    finally:
        proxy.kill()
        proxy.wait()
    print(
        f"{name}: {load.answered} of {REQUESTS} requests answered in {took:.1f} s, "
        f"{count} restarts, {len(load.failures)} failed",
        flush=True,
    )
    for failure in sorted(set(load.failures)):
        print(f"  {load.failures.count(failure)} × {failure}")
    if load.failures:
        # A refused connection is what a restart looks like; the proxy takes the other node.
        with open(os.path.join(directory, f"{name}.log"), errors="replace") as log:
            others = [line for line in log if "(111: Connection refused)" not in line]
        print(*others[-20:], sep="")
    assert count >= 2, "both nodes have to be restarted"
    return load.answered == REQUESTS


async def main():
    with tempfile.TemporaryDirectory() as directory:
        nodes = [Node(directory), Node(directory)]
        try:
            for node in nodes:
                await node.start()
            nginx = ["nginx", "-p", directory, "-e", "stderr", "-c"]
            passed = [
                await through("nginx", NGINX, nginx, nodes, directory),
                await through("haproxy", HAPROXY, ["haproxy", "-db", "-f"], nodes, directory),
            ]
        finally:
            for node in nodes:
                if hasattr(node, "process"):
                    node.kill()
        return all(passed)


if not asyncio.run(main()):
    sys.exit(1)
