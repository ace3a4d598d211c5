"""The keyboard of the page, the keys and phones it opens, and its accessibility."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from api.auth.api_keys import ApiKeys
from api.schemas.base import KeyScope
from api.storage.data_folder import database_in
from api.storage.schema import open_database
from tests.support.api.browsing import PHONE_WIDTH, key, message, suggestions, teach, thumbprint_serve, type_on_screen


def test_a_tap_writes_two_words_where_the_second_is_probable(page: Page) -> None:
    teach(page)
    message(page).fill("see you at zanz")
    expect(suggestions(page).first).to_have_text("zanzibar")
    page.get_by_role("switch", name="Two words").check()
    expect(suggestions(page).first).to_have_text("zanzibar at")
    suggestions(page).first.click()
    expect(message(page)).to_have_value("see you at zanzibar at ")
    page.get_by_role("switch", name="Two words").uncheck()
    message(page).fill("see you at zanz")
    expect(suggestions(page).first).to_have_text("zanzibar")


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


@pytest.mark.parametrize(
    ("learned", "typed", "tapped", "written"),
    [
        ("ผมชื่อสมชายครับ", "ผมชื่อสม", "สมชาย", "ผมชื่อสมชาย"),
        ("see you at zanzibar", "\N{GRINNING FACE}u\u0308 (z", "zanzibar", "\N{GRINNING FACE}u\u0308 (zanzibar "),
        ("see \N{HEAVY BLACK HEART}\ufe0f zanzibar", "see \N{HEAVY BLACK HEART}\ufe0f", "zanzibar", None),
    ],
)
def test_a_tapped_suggestion_replaces_only_the_word_being_typed(
    page: Page, learned: str, typed: str, tapped: str, written: str | None
) -> None:
    page.get_by_label("Paste some of your messages, one a line").fill("\n".join([learned] * 9))
    page.get_by_role("button", name="Learn these").click()
    expect(page.locator("#known")).to_contain_text("9 messages")
    message(page).focus()
    page.keyboard.insert_text(typed)
    suggestions(page).get_by_text(tapped, exact=True).click()
    expect(message(page)).to_have_value(written or f"{typed}{tapped} ")
    page.keyboard.press("Control+z")
    expect(message(page)).to_have_value(typed)


def test_a_late_tap_writes_the_suggestion_only_where_it_still_fits(page: Page) -> None:
    """The page receives no new suggestions here after the first ones."""
    teach(page)
    message(page).fill("see you at z")
    expect(suggestions(page).first).to_have_text("zanzibar")
    page.route("**/predictions/batch", lambda route: None)
    page.keyboard.press("End")
    page.keyboard.type("an")
    suggestions(page).first.click()
    expect(message(page)).to_have_value("see you at zanzibar ")
    suggestions(page).first.click()  # it answers the text before the first tap
    expect(message(page)).to_have_value("see you at zanzibar ")
    page.unroute_all(behavior="ignoreErrors")


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
    expect(page.locator(".verdict h3")).to_have_text(re.compile("The gate (kept it|did not keep it)"))
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


def test_text_is_never_markup(page: Page) -> None:
    field = page.get_by_label("Paste some of your messages, one a line")
    field.fill("<img src=x onerror=alert(1)>\n<b>bold</b>")
    page.get_by_role("button", name="Learn these").click()
    expect(page.locator("#known")).to_contain_text("2 messages")
    message(page).fill("<b>bold</b>")
    page.get_by_role("button", name="Send, and let the phone learn it").click()
    expect(page.get_by_role("list", name="Sent messages")).to_have_text("<b>bold</b>")
    assert page.locator("img, b:has-text('bold')").count() == 0


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
    _, secret = ApiKeys(database).create("page", KeyScope.DEVICE)
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
