from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icu4py.messageformat import MessageFormat

from federated.corpus.importers.whatsapp import headers
from federated.corpus.importers.whatsapp.headers import shape_of

EVENING = datetime(2022, 12, 24, 18, 5)

# Headers as phones wrote them, at five past six in the evening of 24 December 2022.
HEADERS = {
    "Arabic": "٢٤‏/١٢‏/٢٠٢٢، ٦:٠٥ م - ",
    "Arabic, iOS": "[٢٤‏/١٢‏/٢٠٢٢، ٦:٠٥:٠٠ م] ",
    "Arabic, ASCII digits": "24‏/12‏/2022، 6:05 م - ",
    "Arabic, Islamic calendar": "٣٠‏/٥‏/١٤٤٤ هـ ٦:٠٥ م - ",
    "Bengali": "২৪/১২/২২, ৬:০৫ PM - ",
    "Bulgarian": "24.12.22 г., 18:05 ч. - ",
    "Burmese": "၂၄/၁၂/၂၂ ၁၈:၀၅ - ",
    "Chinese": "2022/12/24 下午6:05 - ",
    "Chinese, iOS": "[2022/12/24 下午6:05:00] ",
    "Chinese, in words": "2022年12月24日 下午6:05 - ",
    "Chinese, Minguo calendar": "民國111/12/24 下午6:05 - ",
    "Croatian": "24. 12. 2022. u 18:05 - ",
    "Czech": "24. 12. 2022 18:05 - ",
    "English": "24/12/2022, 18:05 - ",
    "English, American": "12/24/22, 6:05 PM - ",
    "English, narrow space": "12/24/22, 6:05\u202fPM - ",
    "English, Canadian": "2022-12-24, 6:05 p.m. - ",
    "English, at": "24/12/2022 at 6:05 PM - ",
    "English, colon after the time": "12/24/22, 6:05:00 PM: ",
    "English, month name": "Dec 24, 2022 at 6:05 PM - ",
    "English, weekday": "Sat, 24 Dec 2022, 18:05 - ",
    "English, time first": "18:05, 24 Dec 2022 - ",
    "English, time first, 12 hours": "6:05 PM, 24/12/2022 - ",
    "English, another dash": "24/12/2022, 18:05 – ",
    "Finnish": "24.12.2022 klo 18.05 - ",
    "French": "24/12/2022 à 18:05 - ",
    "French, Canadian": "2022-12-24 18 h 05 - ",
    "German": "24.12.22, 18:05 - ",
    "German, um": "24.12.22 um 18:05 - ",
    "Greek": "24/12/22, 6:05 μ.μ. - ",
    "Hebrew": "24.12.2022, 18:05 - ",
    "Hebrew, 12 hours": '[24.12.2022, 6:05:00 אחה"צ] ',
    "Hindi": "24/12/22, 6:05 pm - ",
    "Hindi, Devanagari": "२४/१२/२२, ६:०५ अपराह्न - ",
    "Hungarian": "2022. 12. 24. 18:05 - ",
    "Indonesian": "24/12/22 18.05 - ",
    "Japanese": "2022/12/24 18:05 - ",
    "Japanese, era": "[R4/12/24 18:05:00] ",
    "Japanese, 12 hours": "2022/12/24 午後6:05 - ",
    "Korean": "2022. 12. 24. 오후 6:05 - ",
    "Korean, short": "22. 12. 24. 오후 6:05 - ",
    "Latvian": "24.12.2022. plkst. 18:05 - ",
    "Malay": "24/12/2022, 6:05 PTG - ",
    "Persian": "۲۰۲۲/۱۲/۲۴، ۱۸:۰۵ - ",
    "Persian calendar": "۱۴۰۱/۱۰/۳، ۱۸:۰۵ - ",
    "Portuguese": "24/12/2022 às 18:05 - ",
    "Spanish": "24/12/22 18:05 - ",
    "Spanish, a las": "24/12/2022 a las 6:05 p. m. - ",
    "Spanish, time first": "18:05 24/12/22 - ",
    "Spanish, month name": "24 de dic. de 2022, 18:05 - ",
    "Swedish": "2022-12-24 18:05 - ",
    "Thai, Buddhist calendar": "24/12/2565 18:05 - ",
    "Thai, short": "24/12/65 18:05 - ",
    "Turkish": "24.12.2022 18:05 - ",
    "Vietnamese": "18:05, 24/12/2022 - ",
    "Vietnamese, lúc": "24/12/2022 lúc 6:05 CH - ",
    "digits of Thai": "๒๔/๑๒/๒๐๒๒ ๑๘:๐๕ - ",
    "a mark before the bracket": "\u200e[24.12.22, 18:05:00] ",
    "marks around all numbers": "\u200e[\u200f24\u200f/\u200f12\u200f/\u200f2022, \u200f18:05\u200f:00\u200f] ",
}

# What the phone's ICU writes in these is read too.
LOCALES = """
    af ar ar_EG az be bg bn bn_BD bs ca cs da de el en_AU en_CA en_GB en_IN en_US en_ZA es es_MX et eu fa fi fil fr
    fr_CA ga gl gu he hi hr hu hy id is it ja ka kk km kn ko lo lt lv mk ml mn mr ms my nb ne nl pa pl pt pt_PT ro ru si
    sk sl sq sr sv sw ta te th tr uk ur uz vi zh zh_HK zh_TW zu
"""


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_reads_two_messages_by_two_people_in_each_locale(read_chat, header):
    records, skipped = read_chat(f"{header}Ann: one: two", f"{header}Bob: three")
    assert [(record.user_id, record.timestamp, record.text) for record in records] == [
        ("Ann", EVENING, "one: two"),
        ("Bob", EVENING, "three"),
    ]
    assert not skipped.counts


@pytest.mark.parametrize("locale", LOCALES.split())
@pytest.mark.parametrize("clock", ["short", "::Hm", "::hm"])
def test_reads_what_a_phone_of_each_locale_writes(read_chat, locale, clock):
    form = MessageFormat(f"{{at,date,short}}, {{at,time,{clock}}} - ", locale)
    times = [EVENING + timedelta(days=days, hours=hours) for days in range(9) for hours in (-12, -7, 0, 3)]
    lines = [f"{form.format({'at': at.replace(tzinfo=UTC)})}Ann: message {number}" for number, at in enumerate(times)]
    records, skipped = read_chat(*lines)
    assert [record.timestamp for record in records] == times
    assert [record.text for record in records] == [f"message {number}" for number in range(len(times))]
    assert not skipped.counts


@pytest.mark.parametrize(
    "line",
    [
        "see you at 18:05 - bob: ok",
        "24/12/2022 18:05,Ann,hi: there",
        "2022-12-24T18:05:33: Ann: hi",
        "24/12/2022 18:05 meet Bob at home tonight - ok: yes",
        "the 24.12.2022 at 18:05 - a date: really",
        "2 + 3 = 5 - right: yes",
        "192.168.0.1 18:05 - a server: down",
        "[18:05] Ann: no date",
        "45/45/2022, 18:05 - Ann: no such date",
        "24/12/2022, 18:75 - Ann: no such time",
        "",
    ],
)
def test_other_lines_have_no_header(line):
    assert shape_of(line) is None


_DIGITS = ["0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "০১২৩৪৫৬৭৮৯", "၀၁၂၃၄၅၆၇၈၉", "๐๑๒๓๔๕๖๗๘๙"]


@st.composite
def writers(draw):
    """Draws a function that writes a time as a header of one kind."""
    digits = str.maketrans("0123456789", draw(st.sampled_from(_DIGITS)))
    separator = draw(st.sampled_from(["/", ".", "-", ". ", "\u200f/", " / "]))
    order = draw(st.sampled_from(["{d}{s}{m}{s}{y}", "{m}{s}{d}{s}{y}", "{y}{s}{m}{s}{d}"]))
    padded, seconds = draw(st.booleans()), draw(st.booleans())
    halves = draw(st.sampled_from([None, ("am", "pm"), ("오전", "오후"), ("π.μ.", "μ.μ."), ("zaq", "wsx")]))
    half_first, date_first = draw(st.booleans()), draw(st.booleans())
    between = draw(st.sampled_from([", ", " ", "، ", " à ", " klo ", " a las ", " lúc "]))
    opening, closing = draw(st.sampled_from([("[", "] "), ("", " - "), ("", " – "), ("", ": "), ("\u200e[", "] ")]))
    unknown_first = halves == ("zaq", "wsx") and half_first and not opening  # could be anybody's sentence

    def write(at):
        width = 2 if padded else 1
        day = order.format(s=separator, y=at.year, m=f"{at.month:0{width}}", d=f"{at.day:0{width}}")
        hour = at.hour if halves is None else at.hour % 12 or 12
        clock = f"{hour:0{width}}:{at:%M}" + (f":{at:%S}" if seconds else "")
        if halves:
            half = halves[at.hour >= 12]
            clock = f"{half} {clock}" if half_first else f"{clock} {half}"
        header = f"{day}{between}{clock}" if date_first or unknown_first else f"{clock}, {day}"
        return f"{opening}{header}{closing}".translate(digits)

    return write, seconds


@settings(max_examples=40, deadline=None)
@given(
    writers(),
    st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)),
    st.lists(st.sampled_from(["Ann", "Bob C", "+65 9123 4567", "소나"]), min_size=1, max_size=4),
    st.lists(st.text("abc дом :,é", min_size=1).map(lambda text: f"x{text}"), min_size=1, max_size=4),
)
def test_a_chat_in_any_kind_of_header_comes_back_whole(read_chat, writer, begin, authors, texts):
    write, seconds = writer
    # All days of a month, at each of which somebody writes in the morning and in the evening.
    days = [begin.replace(hour=0) + timedelta(days=number) for number in range(32)]
    times = [day + timedelta(hours=hour) for day in days for hour in (9, 21)]
    times = [at.replace(microsecond=0, second=at.second * seconds) for at in times]
    written = [
        (authors[number % len(authors)], at, f"{texts[number % len(texts)]} {number}")
        for number, at in enumerate(times)
    ]
    records, _ = read_chat(*(f"{write(at)}{author}: {text}" for author, at, text in written))
    assert [(record.user_id, record.timestamp, record.text) for record in records] == written


def test_a_repeated_line_that_only_looks_like_a_header_is_taken_apart_once():
    taken_apart = headers._parts.cache_info().misses
    shapes = headers.Shapes()
    assert not any(shapes.match("22, 6:07 PM - Bob Smith: merry: christmas") for _ in range(1000))
    assert headers._parts.cache_info().misses - taken_apart <= 3  # one for each place where a header could end
