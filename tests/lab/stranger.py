"""Run on a host of the lab (`python3 -`): asks what standard input's first line says, and prints the answers as JSON.

Requests are lists `[method, url, body, certificate, key, authorization]`. An answer is an HTTP status, or why there is none.
"""

import http.client
import json
import socket
import ssl
from urllib.parse import urlsplit

DNS = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09localhost\x00\x00\x01\x00\x01"
NTP = bytes([4 << 3 | 3]) + bytes(47)


def ask(method, url, body, certificate, key, authorization):
    parts = urlsplit(url)
    if parts.scheme == "udp":
        return datagram(parts.hostname, parts.port)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        # Who asks without one of our CA's certificates doesn't care for whom he asks.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(certificate, key)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=5, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)
    headers = {"Content-Type": "application/json"} if body else {}
    if authorization:
        headers["Authorization"] = authorization
    try:
        connection.request(method, parts.path + ("?" + parts.query if parts.query else ""), body, headers)
        return connection.getresponse().status
    except ConnectionRefusedError:
        return "refused"
    except ssl.SSLError as error:
        return "no TLS" if error.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"} else "certificate demanded"
    except http.client.BadStatusLine as error:
        return "not HTTP: " + str(error.line)[:20]
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def datagram(host, port):
    """What a server of names and one of time say to questions of theirs."""
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
    return " ".join(said) or "silent"


print(json.dumps([ask(*request) for request in json.loads(REQUESTS)]))  # noqa: F821 - prepended by who runs this
