"""Run on a host of the lab: asks what standard input says, and prints the answers as JSON.

Requests are lists `[method, url, body, certificate, key, authorization]`. An answer is an HTTP status, or why there is none.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import sys
from urllib.parse import urlsplit

DNS = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09localhost\x00\x00\x01\x00\x01"
NTP = bytes([4 << 3 | 3]) + bytes(47)
NO_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"}


def ask(
    method: str, url: str, body: str | None, certificate: str | None, key: str | None, authorization: str | None
) -> int | str:
    """One request, and what came of it."""
    parts = urlsplit(url)
    host, port = str(parts.hostname), int(str(parts.port))
    if parts.scheme == "udp":
        return datagrams(host, port)
    connection = http.client.HTTPConnection(host, port, timeout=5)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        # Who means no good doesn't care whom he reached.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(certificate, key)
        connection = http.client.HTTPSConnection(host, port, timeout=5, context=context)
    headers = {"Content-Type": "application/json"} if body else {}
    if authorization:
        headers["Authorization"] = authorization
    try:
        connection.request(method, parts.path + ("?" + parts.query if parts.query else ""), body, headers)
        return connection.getresponse().status
    except ConnectionRefusedError:
        return "refused"
    except ssl.SSLError as error:
        return "no TLS" if error.reason in NO_TLS else "certificate refused"
    except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, TimeoutError):
        return "no answer"
    except http.client.BadStatusLine as error:
        return f"not HTTP: {str(error)[:11]}"
    finally:
        connection.close()


def datagrams(host: str, port: int) -> str:
    """What questions it answers: of names, of time, or none."""
    said = []
    for name, packet in (("DNS", DNS), ("NTP", NTP)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
            connection.settimeout(1)
            connection.connect((host, port))
            try:
                connection.send(packet)
                connection.recv(4096)
                said.append(name)
            except ConnectionRefusedError:
                return "refused"
            except OSError:
                continue
    return said[0] if said else "no answer"


print(json.dumps([ask(*request) for request in json.load(sys.stdin)]))
