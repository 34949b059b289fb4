"""Where each row of the fault matrix is tried: a row without a test, or a test that has gone, fails here."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

MATRIX = {
    "kill -9 before the claim is committed": ["faults/test_kills.py::killed_at_every_point"],
    "kill -9 after the claim: before the write, after accepting, after the reply": [
        "faults/test_kills.py::killed_at_every_point",
        "faults/test_killed_in_mid_send.py::killed_while_a_text_is_on_the_wire",
        "faults/test_killed_in_mid_send.py::killed_while_a_mail_is_on_the_wire",
    ],
    "kill while settling and polling": ["faults/test_kills.py::killed_at_every_point"],
    "kill while migrating": ["faults/test_killed_in_mid_migration.py::a_migration_that_is_killed"],
    "power cut at any write": ["storage/test_schema_and_seal.py::what_was_committed_is_on_the_disk"],
    "the owner is stopped, or its machine sleeps": [
        "faults/test_pauses.py::a_stopped_owner_keeps_its_lock",
        "faults/test_pauses.py::an_owner_that_was_stopped_before_its_mail",
        "faults/test_clock_faults.py::a_machine_that_sleeps_over_the_night",
    ],
    "two daemons on one SQLite file": [
        "faults/test_pauses.py::a_standby_takes_over_when_a_stopped_owner_is_killed",
        "storage/test_owners.py::a_file_has_one_sender",
    ],
    "two daemons on one PostgreSQL, apart": [
        "faults/test_postgresql_faults.py::two_workers_at_once",
        "faults/test_postgresql_faults.py::what_was_claimed_before_the_owner_fell_silent",
        "storage/test_owners.py::an_owner_that_fell_silent_and_cannot_reach",
    ],
    "the clock is set": [
        "faults/test_clock_faults.py::after_the_clock_was_set",
        "faults/test_clock_faults.py::a_jump_into_the_morning_by_night",
        "faults/test_clock_faults.py::a_start_on_a_clock_that_is_behind",
    ],
    "clocks change, 29 February, new rules of time zones": [
        "faults/test_clock_faults.py::through_the_days_that_clocks_change",
        "faults/test_clock_faults.py::new_rules_of_time_zones",
    ],
    "no daemon for a night, for a week": ["verbs/test_backlog.py::after_a_night_a_week_or_three"],
    "cancelled or moved between due and claim": [
        "faults/test_fault_matrix_facts.py::what_is_told_in_the_minute",
        "faults/test_fault_matrix_facts.py::a_cancellation_by_another_program",
    ],
    "cancelled between claim and acceptance": ["faults/test_fault_matrix_facts.py::what_is_told_while_a_text"],
    "a later procedure extends a restriction": ["faults/test_fault_matrix_facts.py::a_second_procedure"],
    "no room, an error of the disk": [
        "faults/test_database_faults.py::below_the_floor",
        "faults/test_database_faults.py::a_disk_that_fills_up",
        "faults/test_database_faults.py::a_daemon_whose_disk_fails",
        "faults/test_database_faults.py::on_a_write_protected_disk",
    ],
    "the database is held for a minute": ["faults/test_database_faults.py::while_another_program_holds"],
    "the database is damaged": ["faults/test_database_faults.py::a_damaged_file"],
    "PostgreSQL stops, falls silent, leaves a commit unanswered": [
        "faults/test_postgresql_faults.py::a_server_that_stops_at_once",
        "faults/test_postgresql_faults.py::a_network_that_is_cut",
        "faults/test_postgresql_faults.py::a_network_that_falls_silent",
        "faults/test_postgresql_faults.py::a_claim_whose_commit_went_unanswered",
    ],
    "an old backup is put back": ["faults/test_restored_database.py::nothing_goes_a_second_time"],
    "a migration under a running daemon": [
        "faults/test_database_faults.py::a_later_program_migrates",
        "faults/test_database_faults.py::a_running_daemon_sends_nothing_from",
    ],
    "Twilio 429, with and without Retry-After": ["faults/test_fault_matrix.py::a_provider_that_is_too_busy"],
    "Twilio 500, 502, 503, 504": ["faults/test_fault_matrix.py::an_answer_that_says_neither_yes_nor_no"],
    "silence, trickle, reset, an answer cut, malformed, empty, a list, without an id": [
        "faults/test_fault_matrix.py::an_answer_that_says_neither_yes_nor_no",
        "faults/test_fault_matrix.py::providers_that_never_finish",
        "faults/test_byte_cuts.py::wherever_the_line_is_cut",
    ],
    "an answer that points elsewhere": ["faults/test_fault_matrix.py::an_answer_that_points_elsewhere"],
    "Twilio 401, 403, 404": ["faults/test_fault_matrix.py::a_refused_account"],
    "21211, 21614, 21610; 30003 to 30008 in receipts": [
        "faults/test_fault_matrix.py::a_number_that_the_provider_refuses",
        "faults/test_fault_matrix.py::a_text_that_the_carrier_did_not_deliver",
        "faults/test_sending_faults.py::21610_counts_as_stop",
    ],
    "no name, no encryption, a wrong certificate": [
        "faults/test_fault_matrix.py::a_provider_that_cannot_be_reached",
        "faults/test_fault_matrix_mail.py::a_server_with_another_names_certificate",
        "channels/test_twilio_wire.py::a_provider_that_cannot_prove_itself",
    ],
    "receipts by polling: early, twice, out of order": [
        "faults/test_fault_matrix.py::receipts_in_any_order",
        "faults/test_fault_matrix.py::a_receipt_that_says_less",
    ],
    "a list that lags, fails, hides": [
        "faults/test_fault_matrix.py::a_list_that_lags",
        "faults/test_fault_matrix.py::a_list_that_leaves_out",
        "faults/test_fault_matrix.py::while_nobody_can_be_asked",
    ],
    "a mail server's 421, 4xx, 5xx at each verb": [
        "faults/test_fault_matrix_mail.py::a_server_that_asks_to_come_back_later",
        "faults/test_fault_matrix_mail.py::a_mail_put_off_after_its_dot",
        "faults/test_fault_matrix_mail.py::a_refusal_before_a_recipient",
        "faults/test_fault_matrix_mail.py::a_mail_that_is_refused_for_good",
    ],
    "greylisting for five minutes, for six hours, for ever": [
        "faults/test_fault_matrix_mail.py::a_server_that_takes_no_mail_of_a_stranger",
        "faults/test_fault_matrix_mail.py::a_server_that_is_never_ready",
    ],
    "a line that breaks before the dot, and after it": [
        "faults/test_fault_matrix_mail.py::a_line_that_breaks_before_the_dot",
        "faults/test_fault_matrix_mail.py::a_line_that_breaks_after_the_dot",
    ],
    "STARTTLS stripped, refused; a wrong certificate": [
        "faults/test_fault_matrix_mail.py::a_server_that_offers_no_encryption",
        "faults/test_fault_matrix_mail.py::a_server_with_another_names_certificate",
    ],
    "AUTH 535, 454": [
        "faults/test_fault_matrix_mail.py::a_wrong_password",
        "faults/test_fault_matrix_mail.py::a_way_in_that_is_shut_for_now",
    ],
    "a poisoned name or address": [
        "config/test_person_names.py::whatever_is_typed",
        "faults/test_fault_matrix_mail.py::an_address_that_cannot_be_written_down",
        "faults/test_sending_faults.py::a_tampered_contact",
        "faults/test_sending_faults.py::a_name_with_braces",
    ],
    "a text that cannot be made, that is a bomb": [
        "faults/test_sending_faults.py::a_text_that_cannot_be_made",
        "faults/test_sending_faults.py::a_text_that_is_a_bomb",
    ],
    "inbound loop: many texts within minutes from one number": [
        "faults/test_inbound_faults.py::two_machines_cannot_answer_one_another",
    ],
    "STOP while a text is on its way": [
        "faults/test_inbound_faults.py::a_stop_that_comes_while_a_text_goes",
        "faults/test_fault_matrix_facts.py::a_stop_while_a_text_is_on_its_way",
        "faults/test_fault_matrix_facts.py::a_stop_while_a_critical_text_is_in_doubt",
    ],
}
"""Row: the tests, each by its file and how its name begins."""


@cache
def names_in(file: str) -> list[str]:
    tree = ast.parse((TESTS / file).read_text())
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("row", MATRIX)
def test_each_row_of_the_matrix_has_its_tests(row: str) -> None:
    assert MATRIX[row]
    for named in MATRIX[row]:
        file, _, beginning = named.partition("::")
        assert [name for name in names_in(file) if name.startswith(f"test_{beginning}")], named


def test_no_test_of_the_matrix_stands_outside_it() -> None:
    named = {tuple(test.split("::")) for tests in MATRIX.values() for test in tests}
    for file in ("test_fault_matrix.py", "test_fault_matrix_facts.py", "test_fault_matrix_mail.py"):
        beginnings = [f"test_{beginning}" for where, beginning in named if where == f"faults/{file}"]
        outside = [
            n for n in names_in(f"faults/{file}") if n.startswith("test_") and not n.startswith((*beginnings,))
        ]
        assert outside == []
