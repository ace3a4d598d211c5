"""The keyboard page in Chromium, on a real `thumbprint serve`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from api.auth.api_keys import ApiKeys, Scope
from api.storage.data_folder import database_in
from api.storage.migrate import open_database
from device_runtime.bundle.loader import load_bundle
from device_runtime.simulation.fleet.report import write_fleet_report
from device_runtime.simulation.report import write_report
from tests.support.api.browsing import CHROMIUM, chromium, thumbprint_serve
from tests.support.device_runtime.simulation.fleet_report import report_of
from tests.support.device_runtime.simulation.report import make_report

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's Chromium: apt-get install chromium")
MESSAGES = [f"see you at zanzibar at {hour} then, bring the red bag" for hour in range(40)]
PHONE_WIDTH = 360


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tiny_bundle: Path, tiny_public_key: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    fleet = tmp_path_factory.mktemp("fleet")
    write_report(fleet / "report.json", make_report())
    write_fleet_report(fleet / "fleet.json", report_of([load_bundle(tiny_bundle, tiny_public_key)]))
    data = tmp_path_factory.mktemp("data")
    with thumbprint_serve(tiny_bundle, tiny_public_key, data, "--insecure", "--fleet", str(fleet)) as address:
        yield address


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": PHONE_WIDTH, "height": 640}, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def console() -> list[str]:
    """What the browser writes to its console about the page."""
    return []


@pytest.fixture
def page(context: BrowserContext, address: str, console: list[str]) -> Iterator[Page]:
    page = context.new_page()
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.goto(address)
    expect(suggestions(page)).to_have_count(3)
    yield page
    # The browser reports the 404 of a phone that does not exist yet.
    assert [each for each in console if "status of 404" not in each] == []


def suggestions(page: Page, whose: str = "mine") -> Locator:
    return page.locator(f"[data-whose={whose}] button")


def key(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name="On-screen keyboard").get_by_role("button", name=name, exact=True)


def type_on_screen(page: Page, text: str) -> None:
    for letter in text:
        page.locator("#keys").locator(f'[data-key="{"space" if letter == " " else letter}"]').click()


def teach(page: Page) -> None:
    page.get_by_label("Paste some of your messages, one a line").fill("\n".join(MESSAGES))
    page.get_by_role("button", name="Learn these").click()
    expect(page.locator("#taught")).to_contain_text("Learned 40 messages")


def message(page: Page) -> Locator:
    return page.get_by_label("Message", exact=True)


def test_types_a_sentence_on_the_on_screen_keys(page: Page) -> None:
    type_on_screen(page, "see")
    expect(message(page)).to_have_value("See")  # the first letter of a sentence becomes a capital
    key(page, "Space").click()
    key(page, "Shift").click()
    type_on_screen(page, "z")
    key(page, "123, numbers and punctuation").click()
    type_on_screen(page, "1!")
    key(page, "Backspace").click()
    expect(message(page)).to_have_value("See Z1")
    # See, space, shift, z, the numbers, 1, ! and backspace: every tap counts.
    expect(page.locator("#saved")).to_have_text("10 taps for 6 characters: 67 % more than without suggestions")


def test_holding_backspace_keeps_deleting(page: Page) -> None:
    type_on_screen(page, "seven")
    key(page, "Backspace").hover()
    page.mouse.down()
    expect(message(page)).to_have_value("")
    page.mouse.up()
    type_on_screen(page, "a")
    expect(message(page)).to_have_value("A")


def test_a_tapped_suggestion_completes_the_word(page: Page) -> None:
    teach(page)
    type_on_screen(page, "z")
    expect(suggestions(page).first).to_have_text("Zanzibar")
    suggestions(page).first.click()
    expect(message(page)).to_have_value("Zanzibar ")
    expect(page.locator("#saved")).to_have_text("2 taps for 9 characters: 78 % saved")
    type_on_screen(page, ".")
    expect(message(page)).to_have_value("Zanzibar.")


def test_works_from_a_real_keyboard(page: Page) -> None:
    teach(page)
    message(page).focus()
    page.keyboard.type("see you at z")
    expect(suggestions(page).first).to_have_text("zanzibar")
    for _ in range(2):  # past the button Send
        page.keyboard.press("Tab")
    expect(suggestions(page).first).to_be_focused()
    page.keyboard.press("Enter")
    expect(message(page)).to_be_focused()
    expect(message(page)).to_have_value("see you at zanzibar ")
    page.keyboard.type(".")
    page.keyboard.press("Enter")
    expect(page.get_by_role("list", name="Sent messages")).to_have_text("see you at zanzibar.")
    expect(message(page)).to_have_value("")
    expect(page.locator("#known")).to_contain_text("41 messages")


def test_arrow_keys_move_on_the_on_screen_keyboard(page: Page) -> None:
    key(page, "Q").focus()
    page.keyboard.press("ArrowRight")
    expect(key(page, "W")).to_be_focused()
    page.keyboard.press("Enter")
    expect(message(page)).to_have_value("W")
    page.keyboard.press("ArrowDown")
    expect(key(page, "s")).to_be_focused()
    expect(page.locator("#keys [tabindex='0']")).to_have_count(1)


def test_adapts_and_compares_with_the_shared_model(page: Page) -> None:
    message(page).fill("see you at ")
    teach(page)
    page.get_by_role("button", name="Adapt now").click()
    expect(page.locator(".verdict h3")).to_have_text(re.compile("The gate (kept it|did not keep it)"), timeout=60_000)
    expect(page.locator(".verdict")).to_contain_text("nats a word")
    page.get_by_role("radio", name="Compare").check()
    expect(suggestions(page, "shared")).to_have_count(3)
    expect(suggestions(page).first).to_have_text("zanzibar")
    expect(suggestions(page).first).to_have_class("word own")
    shared = suggestions(page, "shared").all_text_contents()
    assert "zanzibar" not in shared
    page.get_by_role("radio", name="Shared model").check()
    expect(suggestions(page)).to_have_count(0)
    expect(suggestions(page, "shared")).to_have_text(shared)


def test_forgets_a_word(page: Page) -> None:
    teach(page)
    message(page).fill("see you at z")
    expect(suggestions(page).first).to_have_text("zanzibar")
    page.get_by_role("button", name="Forget zanzibar").click()
    expect(page.locator("#forgotten")).to_have_text("Forgot “zanzibar”.", timeout=60_000)
    expect(page.get_by_role("button", name="Forget zanzibar")).to_have_count(0)
    expect(suggestions(page).filter(has_text="zanzibar")).to_have_count(0)


def adapt(page: Page) -> None:
    page.get_by_role("button", name="Adapt now").click()
    expect(page.locator(".verdict h3")).to_have_text("The gate kept it", timeout=60_000)


def test_learns_nothing_in_incognito(page: Page) -> None:
    teach(page)
    incognito = page.get_by_role("switch", name="Incognito")
    incognito.check()
    expect(page.locator("#privacy")).to_contain_text("learns nothing from what you send")
    message(page).fill("meet me at the quux")
    page.get_by_role("button", name="Send, and let the phone learn it").click()
    expect(page.get_by_role("list", name="Sent messages")).to_have_text("meet me at the quux (not learned)")
    page.get_by_label("Paste some of your messages, one a line").fill("quux again")
    page.get_by_role("button", name="Learn these").click()
    expect(page.locator("#taught")).to_have_text("Incognito is on: switch it off to teach the phone.")
    expect(page.get_by_label("Paste some of your messages, one a line")).to_have_value("quux again")
    expect(page.locator("#known")).to_contain_text("40 messages")
    page.reload()
    expect(incognito).to_be_checked()
    incognito.uncheck()
    message(page).fill("meet me at the quux")
    message(page).press("Enter")
    expect(page.locator("#known")).to_contain_text("41 messages")


def test_goes_back_to_an_earlier_adapter(page: Page) -> None:
    teach(page)
    expect(page.locator("#past")).to_be_hidden()
    adapt(page)
    page.get_by_text("Adaptations so far").click()
    past = page.get_by_role("list", name="Adaptations, newest first").get_by_role("listitem")
    expect(past).to_have_count(2)
    expect(past.first).to_contain_text("nats a word.")
    expect(past.first).to_contain_text("in use")
    past.last.get_by_role("button", name="Go back to the shared model’s adapter").click()
    expect(page.locator("#rolled-back")).to_have_text("In use now: the shared model’s adapter.")
    expect(past.last).to_contain_text("in use")
    expect(page.locator("#known")).to_contain_text("runs the shared model’s adapter")
    past.first.get_by_role("button", name="Go back").click()
    expect(page.locator("#known")).to_contain_text("has adapted to you")


def test_exports_everything(page: Page, tmp_path: Path) -> None:
    teach(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export my data").click()
    download.value.save_as(tmp_path / "mine.json")
    export = json.loads((tmp_path / "mine.json").read_text())
    assert download.value.suggested_filename == "my-keyboard.json"
    assert (export["format"], [each["text"] for each in export["messages"]]) == ("thumbprint-export", MESSAGES)
    expect(page.locator("#forgotten")).to_contain_text("my-keyboard.json")


def test_forgets_the_last_hour(page: Page) -> None:
    teach(page)
    page.get_by_role("button", name="Forget the last hour").click()
    dialog = page.get_by_role("dialog", name="Forget the last hour?")
    dialog.get_by_role("button", name="Forget the last hour").click()
    expect(page.locator("#forgotten")).to_have_text("Forgotten. No messages remain.", timeout=60_000)
    expect(page.locator("#known")).to_have_text("no messages yet")


def test_forgets_everything_after_a_confirmation(page: Page) -> None:
    teach(page)
    page.get_by_role("button", name="Forget everything").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#known")).to_contain_text("40 messages")
    page.get_by_role("button", name="Forget everything").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget everything").click()
    expect(page.locator("#known")).to_have_text("no messages yet", timeout=60_000)
    expect(page.get_by_role("list", name="Learned words")).to_have_text("Nothing yet.")


def test_the_tour_uses_made_up_messages(page: Page) -> None:
    page.get_by_role("button", name="Try made-up messages").click()
    expect(page.locator("#note")).to_contain_text("tap one", timeout=60_000)
    expect(message(page)).to_have_value("See you at ")
    expect(suggestions(page, "shared")).to_have_count(3)
    expect(page.locator("#known")).to_contain_text("30 messages")


def test_a_reload_opens_the_same_phone(page: Page) -> None:
    teach(page)
    page.reload()
    expect(page.locator("#known")).to_contain_text("40 messages")


def test_opens_the_phone_of_the_address(page: Page, address: str) -> None:
    page.goto(f"{address}/?device=emulator-5554")
    expect(page.locator("#known")).to_have_text("no messages yet")
    teach(page)
    page.goto(address)
    expect(page.locator("#known")).to_have_text("no messages yet")
    page.goto(f"{address}/?device=emulator-5554")
    expect(page.locator("#known")).to_contain_text("40 messages")


def test_text_that_is_not_learned_stays_in_the_field(page: Page) -> None:
    field = page.get_by_label("Paste some of your messages, one a line")
    field.fill("one message\n" + "x" * 20_001)
    page.get_by_role("button", name="Learn these").click()
    expect(page.locator("#taught")).to_have_text(re.compile("Line 2 is longer"))
    expect(field).to_have_value("one message\n" + "x" * 20_001)


def test_text_is_never_markup(page: Page) -> None:
    field = page.get_by_label("Paste some of your messages, one a line")
    field.fill("<img src=x onerror=alert(1)>\n<b>bold</b>")
    page.get_by_role("button", name="Learn these").click()
    expect(page.locator("#known")).to_contain_text("2 messages")
    message(page).fill("<b>bold</b>")
    page.get_by_role("button", name="Send, and let the phone learn it").click()
    expect(page.get_by_role("list", name="Sent messages")).to_have_text("<b>bold</b>")
    assert page.locator("img, b:has-text('bold')").count() == 0


def test_cuts_a_bar_far_above_all_others(page: Page) -> None:
    drawing = """async (values) => {
        const { bars } = await import("/page/chart.js");
        const svg = bars(values, 400, "", "points");
        return [...svg.querySelectorAll("rect")].map(each => Number(each.getAttribute("height")))
            .concat([...svg.querySelectorAll("text:not([text-anchor])")].map(each => each.textContent));
    }"""
    tall, second, *_, label = page.evaluate(drawing, [75, 6, 5, 4, 3, 3, 3, 2, 2, 1, 0, -1])
    assert label == "+75.0" and tall == pytest.approx(2 * second)
    tall, second = page.evaluate(drawing, [8, 4])
    assert tall == pytest.approx(2 * second)


def test_draws_the_fleet_and_shows_its_figures(page: Page) -> None:
    fleet = page.get_by_role("region", name="The fleet")
    expect(fleet.get_by_role("img", name="Bars: each user’s gain, from +10.0 to -5.0 points")).to_be_visible()
    expect(fleet.get_by_role("img", name="Lines over days")).to_be_visible()
    expect(fleet).to_contain_text("each of the 3 phones with an adapter stores 18.6 KiB")
    fleet.get_by_text("Gain by user as a table").click()
    expect(fleet.get_by_role("region", name="Gain by user, table").get_by_role("row")).to_have_count(4)


@pytest.mark.parametrize("whose", ["My keyboard", "Compare"])
def test_nothing_scrolls_sideways_on_a_phone(page: Page, whose: str) -> None:
    teach(page)
    page.get_by_role("radio", name=whose).check()
    for width in (PHONE_WIDTH, 320, 1280):
        page.set_viewport_size({"width": width, "height": 640})
        widest = page.locator("html").evaluate("html => html.scrollWidth")
        assert widest <= width
    page.set_viewport_size({"width": PHONE_WIDTH, "height": 640})
    page.keyboard.press("Control+Home")
    bottom = key(page, "Space").bounding_box()
    assert bottom is not None and bottom["y"] + bottom["height"] <= 640, "the keys lie below the screen"


def test_every_control_has_a_name(page: Page) -> None:
    teach(page)
    page.get_by_role("radio", name="Compare").check()
    expect(suggestions(page, "shared")).to_have_count(3)
    for role in ("button", "textbox", "radio", "switch", "link", "img", "region", "progressbar"):
        for control in page.get_by_role(role).all():
            snapshot = control.aria_snapshot()
            assert re.match(rf"- '?{role} \"", snapshot), snapshot
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("h1").count() == 1 and page.locator("main").count() == 1
    ids = page.locator("[id]").evaluate_all("all => all.map(each => each.id)")
    assert len(ids) == len(set(ids))


def test_announces_the_suggestions_to_screen_readers(page: Page) -> None:
    teach(page)
    message(page).fill("see you at z")
    spoken = page.locator("[aria-live=polite]").filter(has_text="Suggestions")
    expect(spoken).to_contain_text("zanzibar")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_in_light_and_dark(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    teach(page)
    page.get_by_role("radio", name="Compare").check()
    message(page).fill("see you at ")
    expect(page.locator(".word.own").first).to_be_visible()
    for selector in (
        ".privacy",
        ".toggle",
        ".saved",
        ".whose",
        ".word:not(.own)",
        ".word.own",
        ".key",
        "#send",
        "#adapt",
        "#forget-all",
        ".times",
        "nav a",
        "svg text",
    ):
        assert contrast(page.locator(selector).first) >= 4.5, selector


def contrast(element: Locator) -> float:
    """Returns the contrast of an element's text with its background, as WCAG 2 defines it."""
    text, background = element.evaluate(
        """element => {
            const opaque = each => !getComputedStyle(each).backgroundColor.endsWith(", 0)");
            let under = element;
            while (!opaque(under) && under.parentElement) under = under.parentElement;
            const style = getComputedStyle(element);
            return [element.ownerSVGElement ? style.fill : style.color, getComputedStyle(under).backgroundColor];
        }"""
    )
    lighter, darker = sorted((luminance(text), luminance(background)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    shares = [int(each) / 255 for each in re.findall(r"\d+", color)[:3]]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in shares]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_asks_for_a_key_once(context: BrowserContext, tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    database = open_database(database_in(tmp_path), to_serve=False)
    _, secret = ApiKeys(database).create("page", Scope.DEVICE)
    database.close()
    with thumbprint_serve(tiny_bundle, tiny_public_key, tmp_path) as address:
        page = context.new_page()
        page.goto(address)
        dialog = page.get_by_role("dialog", name="This service needs a key")
        dialog.get_by_label("API key").fill("tp_wrong")
        dialog.get_by_role("button", name="Use it").click()
        expect(dialog).to_contain_text("This service does not accept that key.")
        dialog.get_by_label("API key").fill(secret)
        dialog.get_by_role("button", name="Use it").click()
        expect(suggestions(page)).to_have_count(3)
        page.reload()
        expect(suggestions(page)).to_have_count(3)
        expect(dialog).to_be_hidden()


def test_reports_a_service_that_does_not_answer(
    context: BrowserContext, tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    page = context.new_page()
    with thumbprint_serve(tiny_bundle, tiny_public_key, tmp_path, "--insecure") as address:
        page.goto(address)
        expect(suggestions(page)).to_have_count(3)
    message(page).fill("see you")
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.get_by_role("button", name="Send, and let the phone learn it").click()
    expect(message(page)).to_have_value("see you")
