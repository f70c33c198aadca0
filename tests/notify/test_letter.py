"""The mail of a report: subject, text, pictures, identity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ptychogui.io.result import write_result
from ptychogui.notify.letter import body, letter, subject
from ptychogui.notify.report import JobLine, Report
from ptychogui.notify.settings import PostSettings
from tests.io.makers import make_result

SETTINGS = PostSettings(sender="scan@beamline.org")
DONE = Report(
    "abc-1", "fly0012", "done", "one@example.org, two@example.org", 12, source="/data/fly0012.mda",
    log="/queue/12/log.txt", device="cuda:0", iteration=200, iterations=200, error=1.03125,
    started="2026-11-30T01:00:00", ended="2026-11-30T01:03:05",
    parameters={"reconstruction.engine": "dm  (user: --engine)"},
)  # fmt: skip
BATCH = Report(
    "batch-3", "fly_0001 and 2 others", "failed", "one@example.org",
    jobs=(JobLine("fly_0001", "done", result="/r/1.cxi"), JobLine("fly_0002", "failed", "it is\ntruncated"),
          JobLine("fly_0003", "stopped")),
)  # fmt: skip


def test_the_text_has_parameters_error_and_time() -> None:
    text = body(DONE)
    assert text.startswith("fly0012 is done.\n")
    for part in ("1.031 after 200 of 200 iterations", "2026-11-30T01:00:00 to 2026-11-30T01:03:05", "/data/fly0012.mda",
                 "cuda:0", "/queue/12/log.txt", "reconstruction.engine  dm  (user: --engine)"):  # fmt: skip
        assert part in text
    assert subject(DONE) == "[ptychogui] fly0012: done"


def test_what_went_wrong_on_the_way_is_said() -> None:
    assert "Noticed:\n  The error rises: from 1 to 2\n" in body(
        replace(DONE, noticed=("The error rises: from 1 to 2",))
    )


def test_a_failure_says_why() -> None:
    text = body(replace(DONE, state="failed", cause="the scan is gone", error=None))
    assert "the scan is gone" in text and "error" not in text


def test_a_batch_says_first_what_is_not_done() -> None:
    assert subject(BATCH) == "[ptychogui] fly_0001 and 2 others: 1 of 3 done, 1 failed, 1 stopped"
    text = body(BATCH)
    assert "1 of 3 jobs done" in text
    assert text.index("fly_0002 failed: it is truncated") < text.index("fly_0003 stopped") < text.index("/r/1.cxi")


def test_a_mail_goes_to_all_and_is_always_the_same(tmp_path: Path) -> None:
    one, two = letter(DONE, SETTINGS, 10**6), letter(DONE, SETTINGS, 10**6)
    assert one["To"] == "one@example.org, two@example.org"
    assert (one["From"], one["Auto-Submitted"]) == ("scan@beamline.org", "auto-generated")
    assert one["Message-ID"] == two["Message-ID"] == "<abc-1@beamline.org>"
    assert not list(one.iter_attachments())


@pytest.mark.parametrize("limit_bytes", [200_000, 300_000, 1_000_000])
def test_a_mail_stays_below_its_limit_as_it_is_sent(limit_bytes: int, tmp_path: Path) -> None:
    path = tmp_path / "fly0012.cxi"
    noise = np.random.default_rng(1).normal(size=(400, 500))
    write_result(path, make_result(object=np.exp(1j * noise).astype(np.complex64), object_origin_m=None))
    mail = letter(replace(DONE, result=str(path)), SETTINGS, limit_bytes)
    names = [part.get_filename() for part in mail.iter_attachments()]
    assert names == ["fly0012.png", "fly0012_phase8.tif", "fly0012_magnitude8.tif"]
    assert len(mail.as_bytes()) <= limit_bytes
    text = mail.get_body(("plain",))
    assert text is not None and ("scaled down" in text.get_content()) is (limit_bytes < 600_000)


def test_a_result_that_is_gone_is_said(tmp_path: Path) -> None:
    mail = letter(replace(DONE, result=str(tmp_path / "gone.cxi")), SETTINGS, 10**6)
    text = mail.get_body(("plain",))
    assert text is not None and "No pictures: " in text.get_content()


def test_a_batch_has_thumbnails(tmp_path: Path) -> None:
    path = tmp_path / "fly_0001.cxi"
    write_result(path, make_result())
    mail = letter(replace(BATCH, jobs=(JobLine("fly_0001", "done", result=str(path)),)), SETTINGS, 10**6)
    assert [part.get_filename() for part in mail.iter_attachments()] == ["fly_0001.png"]


def test_names_that_are_no_text_or_have_ends_of_lines_are_no_danger() -> None:
    mail = letter(
        replace(DONE, title="fly\nBcc: all@example.org", cause="\udce9\x1b[2J", source="\udce9"), SETTINGS, 10**6
    )
    assert mail["Bcc"] is None and mail["Subject"] == "[ptychogui] fly Bcc: all@example.org: done"
    assert b"\x1b" not in mail.as_bytes()
