"""Where the steps run: images that stay, accelerators that are whole."""

import os
import subprocess

import pytest

from pipelines import environment


def test_the_image_is_named_after_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADREC_IMAGE", raising=False)
    assert environment.image() == f"adrec-pipeline:{environment.code_revision()}"


@pytest.mark.parametrize("name", ["host:5000/adrec:1.2.0", "adrec@sha256:" + "0" * 64])
def test_an_image_that_stays_is_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADREC_IMAGE", name)
    assert environment.image() == name


@pytest.mark.parametrize("name", ["adrec", "adrec:latest", "host:5000/adrec", "adrec:"])
def test_an_image_that_may_move_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADREC_IMAGE", name)
    with pytest.raises(ValueError, match="must end in a digest or in a tag"):
        environment.image()


@pytest.mark.parametrize("count", ["0", "-1", "1.5", "two", ""])
def test_accelerators_come_whole(count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADREC_ACCELERATOR_COUNT", count)
    with pytest.raises(ValueError, match="must be a whole number"):
        environment.accelerator()


def test_a_password_is_not_written_into_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADREC_REDIS", "redis:6379,db=1")
    environment.require_no_password()
    monkeypatch.setenv("ADREC_REDIS", "redis:6379,password=hush")
    with pytest.raises(ValueError, match="ADREC_REDIS holds a password") as error:
        environment.require_no_password()
    assert "hush" not in str(error.value)


def test_git_takes_user_and_password_from_the_environment() -> None:
    credentials = {"GIT_USERNAME": "adrec", "GIT_PASSWORD": "a token"}
    done = subprocess.run(
        ["git", "credential", "fill"],
        input="protocol=https\nhost=git.example.com\n\n",
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment.GIT_BY_PASSWORD, **credentials},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "username=adrec\npassword=a token\n" in done.stdout
