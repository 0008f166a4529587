"""Spans of a shop: OTLP requests (protobuf) as its services' exporters send them, 512 spans each.

    corpus.py SPANS [--hours 1] [--seed 1] > FILE

The file has one request after the other, each after its length (4 bytes, little-endian). Traces have 8 to 34 spans of
nine services, with the attributes that OpenTelemetry's conventions ask for; some fail, with an exception as an event.
Same arguments, same bytes.
"""

import argparse
import random
import struct
import sys
from collections.abc import Iterator
from functools import cache

START_NS = 1_795_305_600_000_000_000  # 2026-11-22T00:00:00Z
BATCH = 512
SERVICES = {
    "web": 3, "gateway": 2, "cart": 3, "catalog": 4, "checkout": 2, "payment": 2, "shipping": 1, "users": 2, "search": 2,
}  # fmt: skip
AGENTS = [f"Mozilla/5.0 ({os}) AppleWebKit/537.36 Chrome/{v}.0" for os in ("X11; Linux", "Windows NT 10", "Macintosh")
          for v in range(118, 128)]  # fmt: skip
STACK = "\n".join(f'  File "/srv/app/{m}.py", line {40 + i * 17}, in {m}' for i, m in enumerate("abcdefghijkl"))
INTERNAL, SERVER, CLIENT = 1, 2, 3


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def attribute(key: str, value: str | float | bool) -> bytes:
    return cached_attribute(key, value, type(value))


@cache
def cached_attribute(key: str, value: str | float | bool, kind: type) -> bytes:
    if kind is bool:
        content = b"\x10" + varint(int(value))
    elif kind is int:
        content = b"\x18" + varint(int(value))
    elif kind is float:
        content = b"\x21" + struct.pack("<d", value)
    else:
        content = field(1, str(value).encode())
    return field(1, key.encode()) + field(2, content)


def attributes(number: int, values: dict[str, str | float | bool]) -> bytes:
    return b"".join(field(number, attribute(k, v)) for k, v in values.items())


class Shop:
    """Makes traces, and hands over full batches of each instance's spans."""

    def __init__(self, random_: random.Random) -> None:
        self.random = random_
        self.batches: dict[str, list[bytes]] = {}
        self.resources = {
            f"{name}-{i}": field(
                1,
                attributes(1, {
                    "service.name": name, "service.version": f"2.{len(name)}.{i}", "service.instance.id": f"{name}-{i}",
                    "host.name": f"app-{i}", "os.type": "linux", "process.pid": 1000 + 37 * i,
                    "telemetry.sdk.language": "python", "telemetry.sdk.name": "opentelemetry",
                    "telemetry.sdk.version": "1.40.0",
                    "job": "app", "cls": name, "ins": f"{name}-{i}", "ip": f"10.0.1.{10 + i}",
                }),
            )
            for name, count in SERVICES.items() for i in range(1, count + 1)
        }  # fmt: skip

    def span(
        self, service: str, name: str, kind: int, trace: bytes, parent: bytes, begin: int, took: int,
        values: dict[str, str | float | bool], error: str = "",
    ) -> bytes:  # fmt: skip
        own = self.random.randbytes(8)
        content = field(1, trace) + field(2, own) + (field(4, parent) if parent else b"") + field(5, name.encode())
        content += (
            b"\x30" + varint(kind) + b"\x39" + struct.pack("<Q", begin) + b"\x41" + struct.pack("<Q", begin + took)
        )
        content += attributes(9, values)
        if error:
            event = b"\x09" + struct.pack("<Q", begin + took - 1000) + field(2, b"exception")
            event += attributes(3, {
                "exception.type": error, "exception.message": f"{error} in {name}",
                "exception.stacktrace": f"Traceback:\n{STACK}\n{error}",
            })  # fmt: skip
            content += field(11, event) + field(15, field(2, error.encode()) + b"\x18\x02")
        else:
            content += b"\x7a\x00"
        content += b"\x85\x01" + struct.pack("<I", 0x101)
        instance = f"{service}-{self.random.randint(1, SERVICES[service])}"
        self.batches.setdefault(instance, []).append(field(2, content))
        return own

    def request(
        self, service: str, route: str, method: str, trace: bytes, parent: bytes, begin: int, took: int
    ) -> bytes:
        r = self.random
        failed = r.random() < 0.004
        path = route.replace("{id}", str(r.randint(1, 200_000)))
        return self.span(service, f"{method} {route}", SERVER, trace, parent, begin, took, {
            "http.request.method": method, "http.route": route, "url.path": path, "url.scheme": "http",
            "http.response.status_code": 500 if failed else r.choice([200, 200, 200, 200, 201, 304, 404]),
            "server.address": service, "server.port": 8080, "network.protocol.version": "1.1",
            "network.peer.address": f"10.0.1.{r.randint(10, 40)}", "network.peer.port": r.randint(32768, 60999),
            "user_agent.original": r.choice(AGENTS), "thread.id": r.randint(1, 64),
        }, "InternalError" if failed else "")  # fmt: skip

    def call(self, service: str, target: str, method: str, route: str, trace: bytes, parent: bytes, begin: int, took: int
             ) -> tuple[bytes, int, int]:  # fmt: skip
        """A client's span and the server's inside of it; the latter with its times."""
        outer = self.span(service, method, CLIENT, trace, parent, begin, took, {
            "http.request.method": method, "url.full": f"http://{target}:8080{route}", "server.address": target,
            "server.port": 8080, "http.response.status_code": 200, "thread.id": self.random.randint(1, 64),
        })  # fmt: skip
        inner, begins = took * 9 // 10, begin + took // 20
        return self.request(target, route, method, trace, outer, begins, inner), begins, inner

    def query(self, service: str, table: str, trace: bytes, parent: bytes, begin: int) -> None:
        r = self.random
        took = int(r.lognormvariate(0, 0.9) * 900_000)
        failed = r.random() < 0.002
        self.span(service, f"SELECT {table}", CLIENT, trace, parent, begin, took, {
            "db.system.name": "postgresql", "db.namespace": "shop", "db.operation.name": "SELECT", "db.collection.name": table,
            "db.query.text": f"SELECT * FROM {table} WHERE id = $1 AND tenant = $2 ORDER BY created_at DESC LIMIT 50",
            "server.address": "pg-shop-1", "server.port": 5432, "db.response.returned_rows": r.randint(0, 50),
            "db.client.connection.pool.name": f"{service}-pool",
        }, "QueryCanceled" if failed else "")  # fmt: skip

    def cache_get(self, service: str, trace: bytes, parent: bytes, begin: int) -> None:
        r = self.random
        self.span(service, "GET", CLIENT, trace, parent, begin, r.randint(80_000, 900_000), {
            "db.system.name": "redis", "db.operation.name": "GET", "db.query.text": f"GET session:{r.randbytes(6).hex()}",
            "server.address": "redis-1", "server.port": 6379, "cache.hit": r.random() < 0.8,
        })  # fmt: skip

    def trace(self, begin: int) -> int:
        """All spans of one trace; how many."""
        r = self.random
        before = sum(map(len, self.batches.values()))
        trace = r.randbytes(16)
        total = int(r.lognormvariate(0, 0.6) * 40_000_000)
        route, method, plan = r.choice(PLANS)
        root = self.request("web", route, method, trace, b"", begin, total)
        gate, at, took = self.call("web", "gateway", method, route, trace, root, begin + total // 50, total * 9 // 10)
        self.cache_get("gateway", trace, gate, at + took // 50)
        step = took * 8 // 10 // max(len(plan), 1)
        for n, (service, path, tables) in enumerate(plan):
            inner, inner_at, inner_took = self.call(
                "gateway", service, "GET", path, trace, gate, at + n * step, step * 9 // 10
            )
            if r.random() < 0.5:
                self.cache_get(service, trace, inner, inner_at + 1000)
            if r.random() < 0.6:
                inner = self.span(service, f"{service}.load", INTERNAL, trace, inner, inner_at + 2000, inner_took * 3 // 4, {
                    "code.function.name": f"{service}.views.load", "items": r.randint(1, 30), "ratio": round(r.random(), 2),
                })  # fmt: skip
            for i, table in enumerate(tables):
                self.query(service, table, trace, inner, inner_at + 10_000 + i * 100_000)
        return sum(map(len, self.batches.values())) - before

    def full(self, size: int) -> Iterator[bytes]:
        """Requests with the spans of instances that have collected enough."""
        for instance, spans in self.batches.items():
            if spans and len(spans) >= size:
                scope = field(1, field(1, b"opentelemetry.instrumentation") + field(2, b"0.61b0"))
                yield field(1, self.resources[instance] + field(2, scope + b"".join(spans)))
                spans.clear()


PLANS = [
    ("/", "GET", [("catalog", "/featured", ["products", "prices"]), ("users", "/me", ["users"])]),
    ("/products/{id}", "GET", [("catalog", "/products/{id}", ["products", "prices", "stock"]), ("search", "/similar", [])]),
    ("/search", "GET", [("search", "/query", ["terms"]), ("catalog", "/batch", ["products", "prices"])]),
    ("/cart", "GET", [("cart", "/carts/{id}", ["carts", "cart_items"]), ("catalog", "/batch", ["products"])]),
    ("/cart/items", "POST", [("cart", "/carts/{id}", ["carts", "cart_items"])]),
    ("/checkout", "POST", [("users", "/me", ["users", "addresses"]), ("cart", "/carts/{id}", ["carts", "cart_items"]),
                           ("payment", "/charge", ["payments"]), ("shipping", "/quote", ["zones"]),
                           ("checkout", "/orders", ["orders", "order_items", "outbox"])]),
    ("/login", "POST", [("users", "/sessions", ["users", "sessions"])]),
]  # fmt: skip


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("spans", type=int)
    args.add_argument("--hours", type=float, default=1)
    args.add_argument("--seed", type=int, default=1)
    opts = args.parse_args()
    shop = Shop(random.Random(opts.seed))
    made, out = 0, sys.stdout.buffer
    while made < opts.spans:
        made += shop.trace(START_NS + int(opts.hours * 3.6e12 * made / opts.spans))
        for body in shop.full(BATCH if made < opts.spans else 1):
            out.write(struct.pack("<I", len(body)) + body)
    sys.stderr.write(f"{made} spans\n")


if __name__ == "__main__":
    main()
