"""A picture shows the figures that it was given."""

from xml.etree import ElementTree

from bench import picture

SVG = "{http://www.w3.org/2000/svg}"


def a_point(offered: float, good: float, p99_ms: float) -> dict[str, float]:
    return {"offered_per_s": offered, "good_per_s": good, "refused_per_s": offered - good, "p99_ms": p99_ms}


KEPT = {
    "peak_calls_per_s": 400.0,
    "curves": {
        "with": [a_point(100, 100, 500), a_point(400, 400, 520), a_point(1200, 390, 600)],
        "without <a cap>": [a_point(100, 100, 500), a_point(400, 400, 530), a_point(1200, 20, 6000)],
    },
}


def test_every_curve_is_in_both_panels_with_its_last_figure() -> None:
    drawn = ElementTree.fromstring(picture.overload(KEPT))
    lines = drawn.findall(f"{SVG}polyline")
    assert [len(str(line.get("points")).split()) for line in lines] == [3, 3, 3, 3]
    assert len(drawn.findall(f"{SVG}circle")) == 12
    said = {text.text for text in drawn.findall(f"{SVG}text")}
    assert {"with", "without <a cap>", "390 calls/s", "20 calls/s", "600 ms", "6,000 ms", "peak 400"} <= said


def test_more_is_higher_and_everything_is_inside() -> None:
    drawn = ElementTree.fromstring(picture.overload(KEPT))
    _, _, width, height = map(float, str(drawn.get("viewBox")).split())
    good, late = drawn.findall(f"{SVG}polyline")[:2]
    heights = [float(point.split(",")[1]) for point in str(good.get("points")).split()]
    assert heights[1] < heights[2] < heights[0]
    for line in (good, late):
        for point in str(line.get("points")).split():
            x, y = map(float, point.split(","))
            assert 0 < x < width
            assert 0 < y < height
