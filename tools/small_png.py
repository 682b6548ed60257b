"""Makes a picture small: 256 colours are enough for a page, and a PNG of them has a byte for each pixel.

The browser that took the picture reads it again and says which colour each pixel gets; nothing else
that is installed here reads PNG.
"""

import base64
import struct
import zlib
from typing import Any

from playwright.sync_api import Page

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE = 3
"""PNG's colour type for it."""

# Colours that fill areas stay exactly as they are.  The others, which are the edges of letters, are
# put together with their like, and each pixel gets the nearest that is left.
_REDUCE = """async ([picture, exactly, colours]) => {
    const blob = await (await fetch("data:image/png;base64," + picture)).blob();
    const bitmap = await createImageBitmap(blob);
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const at = (n) => (data[n] << 16) | (data[n + 1] << 8) | data[n + 2];
    const counts = new Map();
    for (let n = 0; n < data.length; n += 4) counts.set(at(n), (counts.get(at(n)) ?? 0) + 1);
    const common = [...counts.entries()].sort(([a, x], [b, y]) => y - x || a - b);
    const parts = (colour) => [colour >> 16, (colour >> 8) & 255, colour & 255];
    const alike = new Map();
    for (const [colour, count] of common.slice(exactly)) {
        const like = parts(colour).map((part) => part >> 4).join();
        const [sums, all] = alike.get(like) ?? [[0, 0, 0], 0];
        alike.set(like, [sums.map((sum, n) => sum + parts(colour)[n] * count), all + count]);
    }
    const means = [...alike.values()].sort((a, b) => b[1] - a[1]);
    const palette = [
        ...common.slice(0, exactly).map(([colour]) => parts(colour)),
        ...means.map(([sums, all]) => sums.map((sum) => Math.round(sum / all))),
    ].slice(0, colours);
    const nearest = new Map();
    for (const [colour] of common) {
        const [r, g, b] = parts(colour);
        let [best, least] = [0, Infinity];
        palette.forEach(([x, y, z], n) => {
            const far = (r - x) ** 2 + (g - y) ** 2 + (b - z) ** 2;
            if (far < least) [best, least] = [n, far];
        });
        nearest.set(colour, best);
    }
    let pixels = "";
    for (let n = 0; n < data.length; n += 4) pixels += String.fromCharCode(nearest.get(at(n)));
    return { width, height, palette: palette.flat(), pixels: btoa(pixels) };
}"""
EXACTLY = 96
COLOURS = 256


def small(picture: bytes, blank: Page) -> bytes:
    """The same PNG in 256 colours; `blank` is a page that lets scripts run."""
    asked = [base64.b64encode(picture).decode(), EXACTLY, COLOURS]
    found: dict[str, Any] = blank.evaluate(_REDUCE, asked)
    width, height, pixels = found["width"], found["height"], base64.b64decode(found["pixels"])
    # A zero before each row: it is not told by its neighbours, which helps nothing where colours are numbers.
    rows = b"".join(b"\0" + pixels[at : at + width] for at in range(0, width * height, width))
    head = struct.pack(">IIBBBBB", width, height, 8, PALETTE, 0, 0, 0)
    parts = {b"IHDR": head, b"PLTE": bytes(found["palette"]), b"IDAT": zlib.compress(rows, 9), b"IEND": b""}
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in parts.items())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
