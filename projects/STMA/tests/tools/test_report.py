"""The command, and its page in a real browser where one is installed."""

from __future__ import annotations

import shutil

import pytest

from stma_d2.errors import InputError


@pytest.fixture
def main(tool):
    return tool("report").main


@pytest.fixture(scope="module")
def playwright():
    return pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")


@pytest.fixture(scope="module")
def browser(playwright):
    """A headless Chromium, by Playwright; neither is needed for anything else."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if program is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(main, finished_run, browser):
    """Opens the page; ``page.complaints`` are what the browser logged or asked from elsewhere."""
    main([str(finished_run)])

    def open_page(width=1280, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.complaints.append(request.url))
        page.goto((finished_run / "report.html").as_uri())
        page.complaints = [c for c in page.complaints if not c.startswith(("file:", "data:"))]
        return page

    return open_page


def test_writes_beside_the_run_or_where_it_is_told(main, finished_run, tmp_path, capsys):
    main([str(finished_run)])
    assert str(finished_run / "report.html") in capsys.readouterr().out
    main([str(finished_run), "--output", str(tmp_path / "deep" / "page.html")])
    assert (tmp_path / "deep" / "page.html").read_bytes() == (
        finished_run / "report.html"
    ).read_bytes()


def test_refuses_what_would_be_overwritten_and_what_is_not_there(main, finished_run, tmp_path):
    config = finished_run / "config.yaml"
    before = config.read_bytes()
    with pytest.raises(InputError, match="is the input itself"):
        main([str(finished_run), "--output", str(config)])
    assert config.read_bytes() == before
    for file in ("metrics.json", "inference/looked_at/detections.npz", "last_checkpoint"):
        path = finished_run / file
        before = path.read_bytes() if path.exists() else b"model_final.pth"
        path.write_bytes(before)
        with pytest.raises(InputError, match=r"is the input itself|exists and is no \.html file"):
            main([str(finished_run), "--output", str(path)])
        assert path.read_bytes() == before
    with pytest.raises(InputError, match="there is no folder"):
        main([str(tmp_path / "none")])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1280])
def test_it_opens_without_complaint_and_fits_the_window(page, width, scheme):
    opened = page(width, scheme)
    assert opened.complaints == []
    assert opened.title() == "run: report"
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    for player in opened.locator(".player").all():
        assert player.evaluate("e => e.scrollWidth <= e.clientWidth")
    body = "getComputedStyle(document.body)"
    colors = opened.evaluate(f"[{body}.color, {body}.backgroundColor]")
    brightness = [sum(map(int, color[4:-1].split(","))) for color in colors]
    assert (brightness[0] < brightness[1]) == (scheme == "light")
    text = opened.locator("figure text").first.evaluate("e => getComputedStyle(e).fill")
    assert text == colors[0]  # plots follow the theme


def test_the_player_is_used_by_keyboard(page, playwright, evil):
    opened = page()
    player = opened.locator(".player").first
    seek, at = player.locator(".seek"), player.locator(".at")
    seek.focus()
    opened.keyboard.press("Home")
    assert at.text_content() == "1 / 20"
    first = player.locator("img").get_attribute("src")
    opened.keyboard.press("ArrowRight")
    assert at.text_content() == "2 / 20"
    assert player.locator("img").get_attribute("src") != first
    assert player.locator(".boxes rect").count() == 2
    labels = player.locator(".boxes text").all_text_contents()
    assert labels == [evil.label, f"{evil.label} 0.90"]
    drawn = player.locator(".boxes rect, .boxes text").all()  # in the order of drawing
    kinds = [one.evaluate("e => e.tagName") for one in drawn]
    assert kinds == ["rect", "rect", "text", "text"], "no box is drawn over a text"
    box = player.locator(".boxes .found rect")
    assert [box.get_attribute(k) for k in ("x", "y", "width", "height")] == ["4", "4", "11", "11"]
    opened.keyboard.press(" ")
    assert player.locator(".play").text_content() == "pause"
    playwright.expect(at).not_to_have_text("2 / 20")
    opened.keyboard.press(" ")
    assert player.locator(".play").text_content() == "play"


def test_weak_tubes_go_with_the_slider_and_a_video_without_frames_has_boxes(page, evil):
    opened = page()
    player = opened.locator(".player").nth(1)
    assert player.locator("h4").text_content() == evil.video
    assert "frames cannot be shown" in player.locator(".problem").text_content()
    assert player.locator("img").count() == 0
    assert player.locator(".boxes rect").count() == 2
    assert player.locator(".row:visible").count() == 2
    player.locator(".score").focus()
    opened.keyboard.press("End")  # 1.0, above 0.6
    assert player.locator(".boxes rect").count() == 1
    assert player.locator(".row:visible").count() == 1
    assert opened.title() == "run: report"  # no label or name was run
