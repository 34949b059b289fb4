"""The demo's log: day by day, at the clinic's clock, who gets what, by which way, and what people do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.live import Live
from rich.text import Text

from followup.care.delivery import SET_ASIDE, UNSENT, Status
from followup.care.people import ChannelName
from followup.care.reason import Reason
from followup.cli.demo.clinic import FIRST_DAY, OPENS, ZONE
from followup.cli.demo.staff import Reader, Staff
from followup.cli.demo.weeks import Stop
from followup.cli.screen import status_text
from followup.storage.outbox_rows import Entry
from followup.storage.tasks import Task

WIDTH = 100
"""Columns where the output is no terminal, so that what is printed does not depend on where."""

WIDEST = 120
"""Columns used of a terminal, however wide it is."""

BY = {ChannelName.SMS: "text", ChannelName.EMAIL: "e-mail", ChannelName.PHONE: "call"}
DAYS_A_MARK, MARKS = 2, 32
"""The strip below the log: one mark for two days, for nine weeks."""

MARGIN = 7
LEVELS = {"critical": "bold red", "urgent": "bold red", "routine": "yellow"}

Line = tuple[datetime | None, Text]
"""A line and the moment it belongs to; None for what follows from the line above it."""


class Log:
    """Prints each stop as it comes; on a terminal a strip below shows how far the weeks have gone."""

    def __init__(self, console: Console, staff: Staff) -> None:
        self._console = console
        self._staff = staff
        self._day: date | None = None
        self._minute = ""
        self._readers: dict[int, Reader] = {}
        self._sent: dict[ChannelName, int] = dict.fromkeys(ChannelName, 0)

    def follow(self, stops: Iterable[Stop]) -> None:
        """Until the last stop."""
        if not self._console.is_terminal:
            for stop in stops:
                self.show(stop)
            return
        with Live(self._strip(OPENS), console=self._console, transient=True, refresh_per_second=10) as live:
            for stop in stops:
                self.show(stop)
                live.update(self._strip(stop.at))

    def show(self, stop: Stop) -> None:
        """All lines of one stop; none where nothing happened."""
        if any(entry.contact_id not in self._readers for entry in stop.changed):
            self._readers = self._staff.readers()
        lines = [
            *self._scene(stop),
            *self._went(stop),
            *self._planned(stop),
            *self._tasks(stop),
            *self._pages(stop),
        ]
        if lines:
            self._begin_day(stop.at.astimezone(ZONE).date())
            lines[0] = (lines[0][0] or stop.at, lines[0][1])
        for moment, line in lines:
            self._print(_wall(moment, ZONE) if moment else "", line)

    def _print(self, wall: str, line: Text) -> None:
        """The same minute is said once; long lines go on below their own beginning."""
        shown = "" if wall == self._minute else wall
        self._minute = wall or self._minute
        for n, part in enumerate(line.wrap(self._console, self._console.width - MARGIN)):
            self._console.print(Text.assemble((f"{'' if n else shown:{MARGIN}}", "bold blue"), part))

    def _begin_day(self, day: date) -> None:
        if day == self._day:
            return
        self._day, self._minute = day, ""
        title = f"{day:%a %b} {day.day}" + (f", {day.year}" if (day.month, day.day) == (1, 1) else "")
        note = _clock_change(day)
        line = Text(f"\n{title} ", style="bold cyan")
        line.append(f"{note} " if note else "", style="italic cyan")
        line.append("─" * (min(self._console.width, WIDTH) - line.cell_len), style="cyan")
        self._console.print(line)

    def _scene(self, stop: Stop) -> Iterator[Line]:
        if stop.scene:
            yield stop.at, Text(stop.scene.words, style="bold")

    def _went(self, stop: Stop) -> Iterator[Line]:
        order = list(self._staff.patient_names())
        for entry in sorted(stop.changed, key=lambda e: (order.index(e.patient_id or 0), e.id)):
            is_call_made = entry.channel is ChannelName.PHONE and entry.status is not Status.ACCEPTED
            if entry.sent_at and entry.status not in UNSENT | SET_ASIDE and not is_call_made:
                self._sent[entry.channel] += 1
                yield entry.sent_at, _message(entry, self._readers[entry.contact_id or 0])

    def _planned(self, stop: Stop) -> Iterator[Line]:
        """What the facts now ask for, and what they set aside; named where the scene does not say who is meant."""
        names = self._staff.patient_names()
        about = {entry.patient_id for entry in stop.changed}
        for patient, rows in groupby(sorted(stop.changed, key=_patient), key=_patient):
            name = "" if stop.scene and len(about) == 1 else f"{names[patient]}: "
            for words, style in _consequences(stop, list(rows)):
                yield None, Text.assemble(("↳ ", "dim"), (name + words, style))

    def _tasks(self, stop: Stop) -> Iterator[Line]:
        names = self._staff.patient_names()
        for task in stop.opened:
            yield None, _task(task, names.get(task.patient_id or 0))

    def _pages(self, stop: Stop) -> Iterator[Line]:
        for text in stop.paged:
            yield text.at, Text.assemble((f"! {text.name}'s phone: ", "bold red"), text.words)

    def _strip(self, moment: datetime) -> Text:
        day = moment.astimezone(ZONE).date()
        passed = min((day - FIRST_DAY).days // DAYS_A_MARK, MARKS)
        counts = ", ".join(f"{BY[channel]}s {count}" for channel, count in self._sent.items())
        strip = Text(f"\n{day:%a %b} {day.day:2}  ", style="bold")
        strip.append("━" * passed, style="green").append("━" * (MARKS - passed), style="dim")
        return strip.append(f"  {counts}", style="dim")


def _message(entry: Entry, reader: Reader) -> Text:
    """Who gets what, by which way, and what became of it."""
    line = Text(f"{reader.title:26}")
    line.append(f"{entry.step:18}", style="cyan")
    line.append(f"{BY[entry.channel]:8}")
    if entry.channel is ChannelName.PHONE:
        return line.append("a task for a person", style="yellow")
    line.append_text(status_text(entry.status))
    if entry.reason:
        line.append(f": {entry.reason.sentence}", style="dim")
    elif reader.zone != ZONE and entry.sent_at:
        line.append(f", {_wall(entry.sent_at, reader.zone)} in {city(reader.zone)}", style="dim")
    return line


def city(zone: ZoneInfo) -> str:
    """The place that a zone is called after."""
    return zone.key.rpartition("/")[2].replace("_", " ")


def _task(task: Task, name: str | None) -> Text:
    level = LEVELS[task.level.value]
    about = f"{name}. " if name else ""
    return Text.assemble(
        (f"! task {task.number}, {task.level.value}: ", level), about, (task.kind.sentence, level)
    )


def _consequences(stop: Stop, rows: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """In words, and in which style, what became of one patient's rows."""
    new = [e for e in rows if e.status in UNSENT and stop.is_new(e)]
    if new:
        last = max(e.due_at for e in new).astimezone(ZONE)
        messages = "1 message" if len(new) == 1 else f"{len(new)} messages"
        yield f"{messages} planned, the last for {last:%a %b} {last.day}", "green"
    if back := [e for e in rows if e.status in UNSENT and not stop.is_new(e)]:
        yield f"{_steps(back)} goes after all", "green"
    # What had fallen away before is not told again where a stronger reason takes the place of the old; nor is
    # what goes by another channel, for that channel's own line says so.
    ended = [e for e in rows if e.status in SET_ASIDE and _stood_to_go(stop, e)]
    ended = [e for e in ended if e.reason is not Reason.OTHER_CHANNEL]
    for (status, reason), group in groupby(sorted(ended, key=_why), key=_why):
        why = f": {Reason(reason).sentence}" if reason else ""
        yield f"{_steps(group)} {status}{why}", "magenta"


def _patient(entry: Entry) -> int:
    return entry.patient_id or 0


def _stood_to_go(stop: Stop, entry: Entry) -> bool:
    return stop.is_new(entry) or stop.before[entry.id].status in UNSENT


def _why(entry: Entry) -> tuple[str, str]:
    return entry.status.value, entry.reason.value if entry.reason else ""


def _steps(rows: Iterable[Entry]) -> str:
    """What the rows say and how: `activity, four-weeks by text, six-weeks by text and e-mail`."""
    ordered = sorted(rows, key=lambda e: (e.due_at, e.step, list(ChannelName).index(e.channel)))
    by_step = [
        (step, " and ".join(dict.fromkeys(BY[e.channel] for e in entries)))
        for step, entries in groupby(ordered, key=lambda e: e.step)
    ]
    return ", ".join(
        f"{', '.join(step for step, _ in steps)} by {ways}"
        for ways, steps in groupby(by_step, key=lambda pair: pair[1])
    )


def _wall(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%H:%M}"


def _clock_change(day: date) -> str:
    """What the clocks of the clinic's zone do on that day, if anything."""
    start = datetime.combine(day, time.min, ZONE)
    hours = (start + timedelta(days=1)).utcoffset(), start.utcoffset()
    if hours[0] == hours[1]:
        return ""
    return (
        "clocks went back one hour" if (hours[0] or timedelta()) < (hours[1] or timedelta()) else "clocks went on"
    )
