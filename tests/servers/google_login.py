"""A key of a service account, and the server that gives tokens for it: whoever asks gets one."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.servers import certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Tokens(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Give a token."""
        body = json.dumps({"access_token": "token", "expires_in": 3600, "token_type": "Bearer"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def key_file(folder: Path) -> Iterator[Path]:
    """Give the file of a key that is good for so long."""
    _, key = certificate(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Tokens) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        path = folder / "service-account.json"
        account = {
            "type": "service_account",
            "project_id": "test-project",
            "private_key_id": "1",
            "private_key": key.read_text(),
            "client_email": "ingest@test-project.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"http://127.0.0.1:{server.server_port}/token",
        }
        path.write_text(json.dumps(account))
        try:
            yield path
        finally:
            server.shutdown()
