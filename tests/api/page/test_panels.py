"""The panels of the page: teaching, learned words, the owner's rights and the fleet."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.api.browsing import MESSAGES, message, suggestions, teach


def test_forgets_a_word(page: Page) -> None:
    teach(page)
    message(page).fill("see you at z")
    expect(suggestions(page).first).to_have_text("zanzibar")
    page.get_by_role("button", name="Forget zanzibar").click()
    expect(page.locator("#forgotten")).to_have_text("Forgot “zanzibar”.")
    expect(page.get_by_role("button", name="Forget zanzibar")).to_have_count(0)
    expect(suggestions(page).filter(has_text="zanzibar")).to_have_count(0)


def adapt(page: Page) -> None:
    page.get_by_role("button", name="Adapt now").click()
    expect(page.locator(".verdict h3")).to_have_text("The gate kept it")


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


def test_an_older_state_of_the_phone_does_not_switch_incognito_off(page: Page) -> None:
    teach(page)
    held: list[Route] = []
    page.route("**/adapter/history", lambda route: held.append(route))
    page.get_by_label("Paste some of your messages, one a line").fill("one more")
    with page.expect_request("**/adapter/history"):
        page.get_by_role("button", name="Learn these").click()
    expect(page.locator("#known")).to_contain_text("41 messages")  # the page has the state from before the switch
    page.get_by_role("switch", name="Incognito").check()
    expect(page.locator("#privacy")).to_contain_text("learns nothing from what you send")
    with page.expect_response("**/adapter/history"):
        for route in held:
            route.continue_()
    page.evaluate("() => fetch('/healthz')")  # after it, the page has handled the response
    expect(page.locator("#privacy")).to_contain_text("learns nothing from what you send")
    expect(page.get_by_role("switch", name="Incognito")).to_be_checked()


def test_sends_the_last_position_of_a_switch_that_moves_twice(page: Page) -> None:
    teach(page)
    incognito = page.get_by_role("switch", name="Incognito")
    page.evaluate("() => { const on = document.getElementById('incognito'); on.click(); on.click(); on.click(); }")
    expect(page.locator("#privacy")).to_contain_text("learns nothing from what you send")
    page.reload()
    expect(incognito).to_be_checked()


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
    expect(page.locator("#forgotten")).to_have_text("Forgotten. No messages remain.")
    expect(page.locator("#known")).to_have_text("no messages yet")


def test_forgets_everything_after_a_confirmation(page: Page) -> None:
    teach(page)
    page.get_by_role("button", name="Forget everything").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#known")).to_contain_text("40 messages")
    page.get_by_role("button", name="Forget everything").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget everything").click()
    expect(page.locator("#known")).to_have_text("no messages yet")
    expect(page.get_by_role("list", name="Learned words")).to_have_text("Nothing yet.")


def test_the_tour_uses_made_up_messages(page: Page) -> None:
    page.get_by_role("button", name="Try made-up messages").click()
    expect(page.locator("#note")).to_contain_text("tap one")
    expect(message(page)).to_have_value("Did Priyanka bring the ")
    expect(suggestions(page, "shared")).to_have_count(3)
    expect(page.locator("#known")).to_contain_text("30 messages")


def test_text_that_is_not_learned_stays_in_the_field(page: Page) -> None:
    field = page.get_by_label("Paste some of your messages, one a line")
    field.fill("one message\n" + "x" * 20_001)
    page.get_by_role("button", name="Learn these").click()
    expect(page.locator("#taught")).to_have_text(re.compile("Line 2 is longer"))
    expect(field).to_have_value("one message\n" + "x" * 20_001)


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
