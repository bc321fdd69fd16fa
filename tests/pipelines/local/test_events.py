"""The story of a local run, made of what kfp asks its cache and of what the steps print."""

from pathlib import Path

from pipelines.local.events import RunEvents, Step


def test_a_failure_is_told_although_kfp_went_on_with_another_branch(tmp_path: Path) -> None:
    journal = RunEvents(tmp_path, lambda name, step: None)
    journal.steps["evaluate"] = Step()
    journal.on_log_line("    Traceback (most recent call last):")
    journal.on_log_line("    FileNotFoundError: the source nowhere does not exist")
    journal.steps["publish"] = Step()
    journal.on_log_line("    published: 3 users")
    journal.note("done", {})
    assert journal.unfinished is not None
    assert journal.unfinished[0] == "evaluate"
    assert journal.reason == "the source nowhere does not exist"


def test_of_a_run_that_ended_nothing_is_unfinished(tmp_path: Path) -> None:
    journal = RunEvents(tmp_path, lambda name, step: None)
    journal.steps |= {"ingest": Step("cached"), "validate": Step("done")}
    assert journal.unfinished is None
    assert journal.reason == ""
