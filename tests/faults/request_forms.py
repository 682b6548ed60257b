"""Every form of a request that two readers may read in two ways, and what becomes of it here.

::

    RULES   a rule of `docs/reliability.md`, by its name there  ->  the forms that it decides
    Form    the bytes, and either the status they are refused with
            or the one request that reaches the upstream

A form is sent with a second request right behind it.  So a reader that sees
another end of the first one is found out by what it makes of the second.
"""

from dataclasses import dataclass

CHAT = b"/v1/chat/completions"
NEXT_PATH = b"/v1/embeddings"
START = b"POST " + CHAT + b" HTTP/1.1\r\nhost: h\r\n"
CHUNKED = START + b"transfer-encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Form:
    """What a client sends, and what becomes of it."""

    sent: bytes
    refused: int | None = None
    """The status; nothing reaches the upstream then."""
    line: bytes = b"POST " + CHAT + b" HTTP/1.1"
    """The first line of what reaches the upstream otherwise..."""
    body: bytes = b"{}"
    """...and its body."""
    stays: bool = True
    """The connection goes on."""


def no(sent: bytes, status: int = 400) -> Form:
    return Form(sent, status)


def head(lines: bytes, body: bytes = b"") -> bytes:
    return START + lines + b"\r\n\r\n" + body


def get(target: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\nhost: h\r\n\r\n"


def to(target: bytes, reaches: bytes | None = None) -> Form:
    return Form(get(target), line=b"GET " + (reaches or target) + b" HTTP/1.1", body=b"")


def first_line(line: bytes, body: bytes = b"{}") -> bytes:
    return line + b"\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % len(body) + body


LENGTH = {
    "one": Form(head(b"content-length: 2", b"{}")),
    "leading zeros": Form(head(b"content-length: 0002", b"{}")),
    "spaces and tabs around it": Form(head(b"content-length: \t2 \t", b"{}")),
    "two that differ": no(head(b"content-length: 5\r\ncontent-length: 6", b"123456")),
    "two that are equal": no(head(b"content-length: 2\r\ncontent-length: 2", b"{}")),
    "a list": no(head(b"content-length: 2, 2", b"{}")),
    "plus": no(head(b"content-length: +2", b"{}")),
    "minus": no(head(b"content-length: -2", b"{}")),
    "hexadecimal": no(head(b"content-length: 0x2", b"{}")),
    "a fraction": no(head(b"content-length: 2.0", b"{}")),
    "an underscore": no(head(b"content-length: 1_0", b"0123456789")),
    "a space inside": no(head(b"content-length: 1 0", b"0123456789")),
    "empty": no(head(b"content-length:", b"")),
    "digits of another script": no(head("content-length: ٢".encode(), b"{}")),
    "more than 64 bits": no(head(b"content-length: 18446744073709551618", b"{}")),
    "a space before the colon": no(head(b"content-length : 2", b"{}")),
    "a tab before the colon": no(head(b"content-length\t: 2", b"{}")),
    "an underscore in its name": no(head(b"content_length: 2", b"{}")),
}
BOTH = {
    "length, then chunks": no(head(b"content-length: 5\r\ntransfer-encoding: chunked", b"0\r\n\r\n")),
    "chunks, then length": no(head(b"transfer-encoding: chunked\r\ncontent-length: 5", b"0\r\n\r\n")),
    "length, and no coding": no(head(b"content-length: 2\r\ntransfer-encoding: identity", b"{}")),
}
ONE_CHUNK = b"2\r\n{}\r\n0\r\n\r\n"
CODING = {
    "chunked": Form(head(b"transfer-encoding: chunked", ONE_CHUNK)),
    "in capitals": Form(head(b"Transfer-Encoding: CHUNKED", ONE_CHUNK)),
    "nearly chunked": no(head(b"transfer-encoding: xchunked", ONE_CHUNK), 501),
    "chunked first": no(head(b"transfer-encoding: chunked, identity", ONE_CHUNK)),
    "chunked last": no(head(b"transfer-encoding: identity, chunked", ONE_CHUNK), 501),
    "compressed": no(head(b"transfer-encoding: gzip, chunked", ONE_CHUNK), 501),
    "compressed alone": no(head(b"transfer-encoding: gzip", ONE_CHUNK), 501),
    "twice in a line": no(head(b"transfer-encoding: chunked, chunked", ONE_CHUNK)),
    "in two lines": no(head(b"transfer-encoding: chunked\r\ntransfer-encoding: chunked", ONE_CHUNK)),
    "in two lines that differ": no(
        head(b"transfer-encoding: identity\r\ntransfer-encoding: chunked", ONE_CHUNK), 501
    ),
    "none": no(head(b"transfer-encoding: identity", b"{}"), 501),
    "empty": no(head(b"transfer-encoding:", b"")),
    "empty members": no(head(b"transfer-encoding: , chunked", ONE_CHUNK), 501),
    "a parameter": no(head(b"transfer-encoding: chunked;q=1", ONE_CHUNK), 501),
    "in quotes": no(head(b'transfer-encoding: "chunked"', ONE_CHUNK), 501),
    "a tab before it": Form(head(b"transfer-encoding:\tchunked", ONE_CHUNK)),
    "a tab after it": no(head(b"transfer-encoding: chunked\t", ONE_CHUNK), 501),
    "a space after it": no(head(b"transfer-encoding: chunked ", ONE_CHUNK), 501),
    "a vertical tab before it": no(head(b"transfer-encoding: \x0bchunked", ONE_CHUNK)),
    "a space of Latin-1 before it": no(head(b"transfer-encoding: \xa0chunked", ONE_CHUNK), 501),
    "a space before the colon": no(head(b"transfer-encoding : chunked", ONE_CHUNK)),
    "folded": no(head(b"transfer-encoding:\r\n chunked", ONE_CHUNK)),
    "an underscore in its name": no(head(b"transfer_encoding: chunked", ONE_CHUNK)),
    "in HTTP/1.0": no(head(b"transfer-encoding: chunked", ONE_CHUNK).replace(b"1.1", b"1.0"), 501),
}
CHUNKS = {
    "leading zeros": Form(CHUNKED + b"0002\r\n{}\r\n000\r\n\r\n"),
    "capitals": Form(CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n", body=b"0123456789"),
    "plus": no(CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n"),
    "minus": no(CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n"),
    "0x": no(CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n"),
    "an underscore": no(CHUNKED + b"0_2\r\n{}\r\n0\r\n\r\n"),
    "a space before it": no(CHUNKED + b" 2\r\n{}\r\n0\r\n\r\n"),
    "a space after it": no(CHUNKED + b"2 \r\n{}\r\n0\r\n\r\n"),
    "no number": no(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "nothing": no(CHUNKED + b"\r\n{}\r\n0\r\n\r\n"),
    "more than 64 bits": no(CHUNKED + b"10000000000000002\r\n{}\r\n0\r\n\r\n"),
    "more bytes than it says": no(CHUNKED + b"2\r\n{}x\r\n0\r\n\r\n"),
    "no line break behind it": no(CHUNKED + b"2\r\n{}0\r\n\r\n"),
    "a line feed alone": no(CHUNKED + b"2\n{}\r\n0\r\n\r\n"),
    "a carriage return alone": no(CHUNKED + b"2\r{}\r\n0\r\n\r\n"),
    "a line feed alone behind the data": no(CHUNKED + b"2\r\n{}\n0\r\n\r\n"),
    "a line feed alone at the end": no(CHUNKED + b"2\r\n{}\r\n0\r\n\n"),
}
EXTENSIONS = {
    "one": Form(CHUNKED + b"2;a=b\r\n{}\r\n0;c\r\n\r\n"),
    "in quotes": Form(CHUNKED + b'2;a="b;c"\r\n{}\r\n0\r\n\r\n'),
    "ended by a line feed alone": no(CHUNKED + b"2;a\n{}\r\n0\r\n\r\n"),
    "a line break in quotes": no(CHUNKED + b'2;a="\r\n"\r\n{}\r\n0\r\n\r\n'),
}
TRAILERS = {
    "any": Form(CHUNKED + b"2\r\n{}\r\n0\r\nx-late: 1\r\nauthorization: Bearer other\r\n\r\n"),
    "a length": no(CHUNKED + b"2\r\n{}\r\n0\r\ncontent-length: 50\r\n\r\n"),
    "a coding": no(CHUNKED + b"2\r\n{}\r\n0\r\ntransfer-encoding: chunked\r\n\r\n"),
    "no line of a head": no(CHUNKED + b"2\r\n{}\r\n0\r\nx late\r\n\r\n"),
}
BREAKS = {
    "line feeds alone everywhere": no(b"POST " + CHAT + b" HTTP/1.1\nhost: h\n\n"),
    "a line feed alone behind a line": no(head(b"x-a: b\ncontent-length: 2", b"{}")),
    "a line feed alone at the end": no(START + b"content-length: 2\r\n\n{}"),
    "carriage returns alone": no(b"POST " + CHAT + b" HTTP/1.1\rhost: h\r\r"),
    "a carriage return alone in a line": no(head(b"x-a: b\rcontent-length: 5\r\ncontent-length: 2", b"{}")),
    "a carriage return too many": no(head(b"x-a: b\r\r\ncontent-length: 2", b"{}")),
    "a folded line": no(head(b"x-a: b\r\n c\r\ncontent-length: 2", b"{}")),
    "a line folded with a tab": no(head(b"x-a: b\r\n\tc\r\ncontent-length: 2", b"{}")),
    "a space before the first line": no(START + b" content-length: 2\r\n\r\n{}"),
    "empty lines before a request": Form(b"\r\n\r\n" + head(b"content-length: 2", b"{}")),
}
CHARACTERS = {
    "NUL in a value": no(head(b"x-a: b\x00c\r\ncontent-length: 2", b"{}")),
    "NUL in a name": no(head(b"x-\x00a: b\r\ncontent-length: 2", b"{}")),
    "NUL in the target": no(get(b"/v1/mo\x00dels")),
    "a control character in a value": no(head(b"x-a: b\x01c\r\ncontent-length: 2", b"{}")),
    "a control character in the target": no(get(b"/v1/mo\x01dels")),
    "a tab in the target": no(get(b"/v1/mo\tdels")),
    "a space in the target": no(get(b"/v1/mo dels")),
    "Latin-1 in the target": no(get(b"/v1/m\xf6dels")),
    "UTF-8 in the target": no(get("/v1/mödels".encode())),
    "Latin-1 in a query": no(get(b"/v1/models?a=\xf6")),
    "Latin-1 in a name": no(head(b"x-\xf6: b\r\ncontent-length: 2", b"{}")),
    "Latin-1 in a value": Form(head(b"x-a: \xf6\xff\r\ncontent-length: 2", b"{}")),
    "no colon": no(head(b"x-a\r\ncontent-length: 2", b"{}")),
    "no name": no(head(b": x\r\ncontent-length: 2", b"{}")),
    "a bracket in a name": no(head(b"x(a: x\r\ncontent-length: 2", b"{}")),
}
TARGETS = {
    "two slashes": to(b"//v1//models"),
    "a host behind two slashes": to(b"//elsewhere/v1/models"),
    "dots": to(b"/v1/../v1/./models"),
    "dots that are encoded": to(b"/v1/%2e%2E/v1/%2e/models"),
    "dots with a parameter": to(b"/v1/..;/models"),
    "a slash that is encoded": to(b"/v1%2fmodels"),
    "backslashes": to(b"/v1\\models\\..%5c"),
    "NUL, encoded": to(b"/v1/models%00.json"),
    "a line break, encoded": to(b"/v1/models%0d%0ax:y"),
    "what is no encoding": to(b"/v1/models%zz%"),
    "what is no UTF-8, encoded": to(b"/v1/models%ff"),
    "an empty query": to(b"/v1/models?"),
    "odd characters in a query": to(b'/v1/models?a="<>{}|^`[]'),
}
TARGET_FORMS = {
    "absolute": to(b"http://h/v1/models?a=b", b"/v1/models?a=b"),
    "absolute, of another host": to(b"https://elsewhere:99/v1/models", b"/v1/models"),
    "absolute, with a user": to(b"http://user:password@h/v1/models", b"/v1/models"),
    "absolute, of another scheme": no(get(b"ftp://h/v1/models")),
    "absolute, without a path": no(get(b"http://h")),
    "an authority": no(get(b"h:80")),
    "an asterisk": no(b"OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n"),
    "no slash": no(get(b"v1/models")),
    "a query alone": no(get(b"?a=b")),
    "nothing": no(get(b"")),
    "a fragment": no(get(b"/v1/models#part")),
    "a fragment behind a query": no(get(b"/v1/models?a#part")),
}
METHODS = {
    "of a tunnel": no(b"CONNECT h:443 HTTP/1.1\r\nhost: h\r\n\r\n", 501),
    "of a tunnel, with a path": no(b"CONNECT /v1/models HTTP/1.1\r\nhost: h\r\n\r\n", 501),
    "of a loop": no(b"TRACE /v1/models HTTP/1.1\r\nhost: h\r\n\r\n", 501),
    "in small letters": no(first_line(b"post " + CHAT + b" HTTP/1.1")),
    "unknown": no(first_line(b"FROB " + CHAT + b" HTTP/1.1")),
    "of WebDAV": Form(
        b"PROPFIND /v1/files HTTP/1.1\r\nhost: h\r\n\r\n", line=b"PROPFIND /v1/files HTTP/1.1", body=b""
    ),
    "a body where none is usual": Form(
        b"GET /v1/models HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}", line=b"GET /v1/models HTTP/1.1"
    ),
}
VERSIONS = {
    "1.0": Form(first_line(b"POST " + CHAT + b" HTTP/1.0"), stays=False),
    "0.9": no(b"GET /v1/models\r\n\r\n"),
    "0.9, said": no(first_line(b"POST " + CHAT + b" HTTP/0.9")),
    "1.2": no(first_line(b"POST " + CHAT + b" HTTP/1.2")),
    "2.0": no(first_line(b"POST " + CHAT + b" HTTP/2.0")),
    "01.1": no(first_line(b"POST " + CHAT + b" HTTP/01.1")),
    "in small letters": no(first_line(b"POST " + CHAT + b" http/1.1")),
    "HTTP/2's preface": no(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "RTSP": no(b"DESCRIBE rtsp://h/v1/models RTSP/1.0\r\n\r\n", 501),
    "ICE": no(b"SOURCE /v1/models ICE/1.0\r\n\r\n", 501),
    "TLS": no(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "a space behind it": no(first_line(b"POST " + CHAT + b" HTTP/1.1 ")),
    "a tab before it": no(first_line(b"POST " + CHAT + b"\tHTTP/1.1")),
}
HOSTS = {
    "none": no(b"GET /v1/models HTTP/1.1\r\n\r\n"),
    "two": no(b"GET /v1/models HTTP/1.1\r\nhost: h\r\nhost: g\r\n\r\n"),
    "two that are equal": no(b"GET /v1/models HTTP/1.1\r\nhost: h\r\nhost: h\r\n\r\n"),
    "none, in HTTP/1.0": Form(
        b"GET /v1/models HTTP/1.0\r\n\r\n", line=b"GET /v1/models HTTP/1.1", body=b"", stays=False
    ),
}
KEYS = {
    "one of each": Form(
        get(b"/v1/models").replace(b"host", b"authorization: Bearer a\r\nx-api-key: b\r\nhost"),
        line=b"GET /v1/models HTTP/1.1",
        body=b"",
    ),
    "the same twice": Form(
        head(b"authorization: Bearer a\r\nAuthorization: Bearer a\r\ncontent-length: 2", b"{}")
    ),
    **{
        f"two of {name} that differ": no(head(b"%b: a\r\n%b: b\r\ncontent-length: 2" % (raw, raw), b"{}"))
        for name in ("authorization", "x-api-key", "x-goog-api-key", "api-key", "x-wellhead-key")
        for raw in [name.encode()]
    },
}
HOPS = {
    "naming the length": Form(head(b"connection: content-length\r\ncontent-length: 2", b"{}")),
    "naming the coding": Form(
        head(b"connection: close, transfer-encoding\r\ntransfer-encoding: chunked", ONE_CHUNK), stays=False
    ),
}

RULES: dict[str, dict[str, Form]] = {
    "Content-Length": LENGTH,
    "Length beside chunks": BOTH,
    "Transfer-Encoding": CODING,
    "Sizes of chunks": CHUNKS,
    "Extensions of chunks": EXTENSIONS,
    "Lines after the body": TRAILERS,
    "Line breaks": BREAKS,
    "Characters": CHARACTERS,
    "Paths": TARGETS,
    "Forms of targets": TARGET_FORMS,
    "Methods": METHODS,
    "Versions": VERSIONS,
    "Host": HOSTS,
    "Credentials": KEYS,
    "Connection": HOPS,
}
