"""A reverse proxy that has the control plane under a path prefix, as people put it behind their own site."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from fakes import web

OWN = ("connection", "transfer-encoding", "keep-alive")


@contextmanager
def behind_a_prefix(control_url: str, prefix: str) -> Iterator[str]:
    """Where the control plane is then; what is not under the prefix is 404 of somebody else."""
    control = urlsplit(control_url)

    class Proxy(web.Handler):
        def do_GET(self) -> None:
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            upstream = http.client.HTTPConnection(control.hostname or "", control.port, timeout=20)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN}
            upstream.request(self.command, self.path.removeprefix(prefix), body, headers)
            answer = upstream.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in (*OWN, "content-length", "date", "server"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            upstream.close()

        do_POST = do_GET  # noqa: N815

    with web.serving(Proxy) as url:
        yield f"{url}{prefix}/"
