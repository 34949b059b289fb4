"""Time zones and hours as people write them."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.config import stretches, zone
from followup.config.hours import HoursTable, WindowTable, can_ask
from followup.errors import InputError


@pytest.mark.parametrize("name", ["America/Chicago", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"])
def test_a_zone_is_known_by_its_place(name: str) -> None:
    assert zone(f" {name} ").key == name


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("america/chicago", "America/Chicago"),
        ("America/Chcago", "America/Chicago"),
        ("America/Los Angeles", "America/Los_Angeles"),
        ("Chicago", "America/Chicago"),
        ("new york", "America/New_York"),
        ("Anchorge", "America/Anchorage"),
        ("Central", "America/Chicago"),
        ("CST", "America/Chicago"),
        ("EST", "America/New_York"),
        ("MST7MDT", "America/Denver"),
        ("Pacific Time", "America/Los_Angeles"),
    ],
)
def test_a_zone_by_another_name_is_refused_with_the_nearest_right_one(typed: str, nearest: str) -> None:
    """EST and its like are in the zone database, but never change their clocks: an hour wrong half of the year."""
    with pytest.raises(InputError, match=f"did you mean '{nearest}'"):
        zone(typed)


@pytest.mark.parametrize(
    "typed", ["", "UTC", "Etc/GMT+6", "-06:00", "../../etc/passwd", "qqqqqq", "\0", "x" * 500]
)
def test_what_is_no_place_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(InputError, match=r"write it as Area/City, for example America/Chicago$"):
        zone(typed)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("09:00-17:00", ((time(9), time(17)),)),
        ("9:00 - 17:30", ((time(9), time(17, 30)),)),
        ("9:00 to 17:00", ((time(9), time(17)),)),
        ("09:00\u201317:00", ((time(9), time(17)),)),
        ("13:00-17:00, 08:00-12:00", ((time(8), time(12)), (time(13), time(17)))),
        ("08:00-12:00,12:00-17:00", ((time(8), time(12)), (time(12), time(17)))),
        ("00:00-24:00", ((time(0), time(0)),)),
        ("20:00-24:00", ((time(20), time(0)),)),
        ("closed", ()),
        ("Closed", ()),
        ("", ()),
    ],
)
def test_hours_are_read_as_a_clinic_writes_them(typed: str, meant: object) -> None:
    assert stretches(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "nine to five",
        "9-17",
        "09:00",
        "09:00-09:00",
        "17:00-09:00",
        "09:60-17:00",
        "24:00-25:00",
        "09:00-17:00, ",
        "09:00-12:00, 11:59-17:00",
        "08:00-24:00, 20:00-22:00",
        "\u0660\u0669:\u0660\u0660-\u0661\u0667:\u0660\u0660",
    ],
)
def test_hours_that_are_none_are_refused(typed: str) -> None:
    with pytest.raises(InputError):
        stretches(typed)


times = st.times().map(lambda wall: wall.replace(second=0, microsecond=0))


@given(st.lists(st.tuples(times, times), max_size=3))
def test_hours_read_are_in_order_apart_and_never_backwards(pairs: list[tuple[time, time]]) -> None:
    typed = ", ".join(f"{start:%H:%M}-{end:%H:%M}" for start, end in pairs)
    try:
        found = stretches(typed)
    except InputError:
        return
    ends = [wall for interval in found for wall in interval]
    if ends and ends[-1] == time.min:
        ends[-1] = time.max
    assert ends == sorted(ends)
    assert all(start < end or end == time.min for start, end in found)


@pytest.mark.parametrize(
    ("staffed", "possible"),
    [
        ("08:00-17:00", True),
        ("07:00-11:00", True),
        ("07:00-10:59", False),
        ("19:59-20:30", True),
        ("20:00-24:00", False),
        ("09:00-09:30", True),
        ("08:30-09:30", False),
        ("00:00-24:00", True),
    ],
)
def test_a_question_needs_somebody_there_while_messages_may_go(staffed: str, possible: bool) -> None:  # noqa: FBT001  a column of the table
    """Messages on Mondays 09:00-20:00; an answer may come within two hours of a question."""
    hours = HoursTable.model_validate({"monday": staffed})
    assert can_ask(hours, WindowTable().window()) is possible
    closed = WindowTable.model_validate({"monday": []})
    assert can_ask(hours, closed.window()) is False
