"""The command line: what staff type every day, grouped by how often they do.

Commands are imported when they are called, so that `--help` answers at once.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from followup.errors import FollowupError

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Every day": {
        "today": ("today:today", "What goes out today, what needs a person, what failed."),
        "enroll": ("enroll:enroll", "Enter a patient and a procedure."),
        "change": ("change:change", "Change a number, a date, a stay, a consent, …"),
        "show": ("show:show", "One patient: facts, timeline, tasks."),
        "home": ("home:home", "The evening list: who is home?"),
        "calls": ("calls:calls", "The call sheet: whom to phone today, with what to say."),
        "done": ("tasks:done", "Close a task."),
    },
    "Sometimes": {
        "why": ("why:why", "Why a message went, waits, or did not go."),
        "undo": ("change:undo", "Take back a patient's latest change."),
        "text": ("conversation:text", "Text a patient in your own words."),
        "conversation": ("conversation:conversation", "Close a conversation: the program speaks again."),
        "answer": ("tasks:answer", "Record a pain score said on the phone."),
        "tasks": ("tasks:tasks", "What waits for a person."),
        "retry": ("retry:retry", "Send a message again that a person has checked."),
        "record": ("record:record", "All that is kept about one patient, to read or to hand out."),
        "staff": ("staff:staff", "Who is on call, who is away."),
        "patients": ("show:patients", "All patients, or those found."),
    },
    "Plans": {
        "plan": ("plan:plan", "List, check, preview and approve care plans."),
        "vocabulary": ("vocabulary:vocabulary", "Try how patients' replies are read."),
    },
    "Operator": {
        "init": ("init:init", "Ask ten things; make configuration, key, database and messages."),
        "doctor": ("doctor:doctor", "What is wrong, and what to do about it."),
        "run": ("run:run", "The daemon: send what is due until told to stop."),
        "tick": ("run:tick", "What would go now (or at a given time)."),
        "status": ("status:status", "Is it running, and is anything stuck?"),
        "pause": ("pause:pause", "Send nothing, or nothing by one channel."),
        "unpause": ("pause:unpause", "Send again."),
        "backlog": ("backlog:backlog", "What waits after an outage, and letting it go."),
        "audit": ("audit:audit", "The provider's list against ours."),
        "send-test": ("send_test:send_test", "A test message to a number or address of the staff."),
        "migrate": ("run:migrate", "Bring the database to this program's version."),
        "live": ("live:live", "The checklist that ends the trial."),
        "demo": ("demo:demo", "Six weeks of care in a sandbox, in seconds."),
    },
}
"""Every command: where it lives, and its line in `--help`."""

EPILOG = "Exit codes: 0 done, 1 error, 2 wrong input, 3 not found, 4 refused, 5 faults in files, 6 database."


class _Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        for section in SECTIONS.values():
            if cmd_name in section:
                module, _, name = section[cmd_name][0].partition(":")
                command: click.Command = getattr(importlib.import_module(f"followup.cli.{module}"), name)
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        import difflib

        if args and args[0] not in self.list_commands(ctx):
            close = difflib.get_close_matches(args[0], self.list_commands(ctx), 1)
            ctx.fail(f"there is no command {args[0]!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  click's signature
        """Words too many are not repeated: they may be a patient's name, typed without quotes."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if error.message.startswith("Got unexpected extra argument"):
                words = "too many words; a name is never typed here: leave it out, and it is asked for"
                raise click.UsageError(words, error.ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's signature
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in commands.items()])

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  click's signature
        """Our own errors are one clear line and an exit code; nothing else is caught."""
        try:
            return super().main(*args, **kwargs)
        except FollowupError as error:
            click.echo(str(error), err=True)
            sys.exit(error.exit_code)


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
@click.option("--config", type=click.Path(dir_okay=False), help="Default: $FOLLOWUP_CONFIG, ./config.toml, …")
@click.option("--by", metavar="NAME", help="Who does this, for the audit trail (default: your login name).")
@click.version_option(package_name="followup", message="followup %(version)s")
@click.pass_context
def followup(ctx: click.Context, config: str | None, by: str | None) -> None:
    """Send patients their clinic's own words after a procedure, at the right minute, for weeks.

    Without a command: today's screen.
    """
    import zoneinfo

    from followup import log
    from followup.cli.desk import Desk

    log.hide_values()
    # The time zones of the tzdata package, whose version is known, and not whatever the machine happens to hold.
    zoneinfo.reset_tzpath(to=())
    ctx.obj = Desk(config, by)
    ctx.call_on_close(ctx.obj.close)
    if ctx.invoked_subcommand is None:
        command = followup.get_command(ctx, "today")
        if command is not None:
            ctx.invoke(command)
