from datetime import date, datetime, time

import pytest

from federated.corpus.importers.whatsapp.dates import (
    best_orders,
    hour_of_day,
    hours_of_words,
    known_hours,
    possible_orders,
    to_date,
    with_named_month,
)

AM, PM = frozenset(range(12)), frozenset(range(12, 24))


def rows(*dates):
    return [tuple(written.split("/")) for written in dates]


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (["3/4/22"], "dmy"),  # all is open: the day comes first
        (["3/24/22", "3/25/22"], "mdy"),  # there is no month 24
        (["24/3/22", "3/4/22"], "dmy"),
        (["22/12/24", "22/12/31"], "ymd"),  # there is no month 31
        (["3/4/22", "4/3/22"], "mdy"),  # time goes forward
        (["3/4/22", "3/5/22", "3/6/22"], "mdy"),  # three days rather than three months
        (["3/4/22", "4/4/22", "5/4/22"], "dmy"),
        (["2022/3/4", "2022/3/5"], "ymd"),
        (["2022/24/3", "2022/25/3"], "ydm"),
        (["3/4/2022", "13/4/2022"], "dmy"),
    ],
)
def test_the_order_of_day_and_month_is_the_one_that_suits_all_dates(dates, order):
    written = rows(*dates)
    assert best_orders(written, possible_orders(written[0], "")).orders[0] == order


def test_in_korean_chinese_and_japanese_the_year_comes_first_if_all_is_open():
    assert possible_orders(("22", "12", "11"), "22. 12. 11. 오후 6:05")[0] == "ymd"


@pytest.mark.parametrize(
    ("numbers", "order", "offset"),
    [
        (("24", "12", "2022"), "dmy", 0),
        (("٢٤", "١٢", "٢٠٢٢"), "dmy", 0),
        (("24", "12", "22"), "dmy", 0),
        (("24", "12", "2565"), "dmy", 0),  # Buddhist
        (("24", "12", "65"), "dmy", 0),
        (("1401", "10", "3"), "ymd", 0),  # Persian
        (("30", "5", "1444"), "dmy", 0),  # Islamic
        (("111", "12", "24"), "ymd", 0),  # Minguo
        (("4", "12", "24"), "ymd", 2018),  # Reiwa
    ],
)
def test_years_of_other_calendars_are_converted(numbers, order, offset):
    assert to_date(numbers, order, offset) == date(2022, 12, 24)


@pytest.mark.parametrize(("numbers", "order"), [(("31", "2", "2022"), "dmy"), (("1401", "12", "30"), "ymd")])
def test_a_day_that_does_not_exist_is_refused(numbers, order):
    with pytest.raises(ValueError, match="day"):
        to_date(numbers, order)


@pytest.mark.parametrize(
    ("words", "hours"),
    [
        ((" PM",), PM),
        (("\u202fp.\u00a0m.",), PM),
        ((" a las ", " p. m."), PM),
        ((". 오후 ",), PM),
        ((" 下午",), PM),
        ((" م",), PM),
        ((" ص",), AM),
        ((" πμ",), AM),
        ((" PTG",), PM),
        ((" CH",), PM),
        ((' אחה"צ',), PM),
        ((" অপরাহ্ণ",), PM),
        ((" 清晨",), frozenset({5, 6, 7})),
        ((" klo ",), None),
        ((" à ",), None),
        ((" zaq",), None),
    ],
)
def test_words_beside_the_time_say_am_or_pm_in_any_language(words, hours):
    assert known_hours(words) == hours


def clocks(*written):
    return [(("1", "1", "22"), hour, minute, (word,)) for hour, minute, word in written]


def guessed(*written):
    seen = clocks(*written)
    return hours_of_words(seen, {clock[3] for clock in seen})


def test_unknown_words_are_am_and_pm_so_that_time_goes_forward():
    assert guessed((9, 0, "zaq"), (8, 0, "wsx")) == {("zaq",): AM, ("wsx",): PM}
    assert guessed((9, 0, "wsx"), (11, 0, "wsx"), (1, 0, "zaq")) == {("wsx",): AM, ("zaq",): PM}
    assert guessed((9, 0, "am"), (8, 0, "wsx")) == {("am",): AM, ("wsx",): PM}


def test_one_unknown_word_beside_all_times_has_no_meaning():
    assert guessed((9, 0, "zaq"), (11, 0, "zaq")) == {}


@pytest.mark.parametrize(
    ("hour", "covered", "expected"),
    [
        (12, AM, 0),
        (12, PM, 12),
        (6, PM, 18),
        (6, AM, 6),
        (18, PM, 18),
        (6, frozenset(), 6),
        (0, PM, 12),
        (1, frozenset({0, 1, 2, 3, 22, 23}), 1),
        (11, frozenset({0, 1, 2, 3, 22, 23}), 23),
    ],
)
def test_an_hour_on_a_12_hour_clock(hour, covered, expected):
    assert hour_of_day(hour, covered) == expected


def test_a_month_name_needs_no_year():
    noon = time(12)
    assert with_named_month(("24", "2013"), 12, noon) == datetime(2013, 12, 24, 12)
    assert with_named_month(("2013", "24"), 12, noon) == datetime(2013, 12, 24, 12)
    assert with_named_month(("3",), 1, noon, datetime(2013, 12, 24)) == datetime(2014, 1, 3, 12)
    assert with_named_month(("3",), 1, noon) is None
