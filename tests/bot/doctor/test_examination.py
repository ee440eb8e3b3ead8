"""The whole examination of an installation, with its own Redis and with none."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.app_credentials import ALL_ROLES
from bot.demo.scripted_llm import Rule, Script, ScriptedLlm
from bot.doctor.examination import examine_installation
from bot.doctor.outcome import Failed, Ok, Outcome, Skipped, Warned
from bot.settings import read_settings
from tests.bot.setup.fake_github import FakeGitHub


async def look(place: Path, *, deep: bool = False, path: str | None = None, **variables: str) -> dict[str, Outcome]:
    environ = {"HOME": str(place), "PATH": os.environ["PATH"] if path is None else path}
    settings = read_settings(environ | variables, None)
    found = await examine_installation(settings, environ, ALL_ROLES, deep=deep)
    assert len({one.name for one in found}) == len(found)
    return {one.name: one.outcome for one in found}


async def test_a_fresh_machine_is_fine_without_app_and_model(tmp_path: Path) -> None:
    found = await look(tmp_path)

    assert [name for name, outcome in found.items() if isinstance(outcome, Failed)] == []
    assert isinstance(found["redis.write"], Ok)
    assert isinstance(found["redis.embedded"], Ok)
    assert isinstance(found["state.directory"], Ok)
    assert isinstance(found["app.credentials"], Skipped)
    assert (tmp_path / ".local/state/onceover").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / ".local/state/onceover").glob(".doctor*")] == []


async def test_a_redis_that_is_not_there_spoils_only_its_own_checks(tmp_path: Path) -> None:
    found = await look(tmp_path, ONCEOVER_REDIS_URL="redis://:canary@127.0.0.1:9")

    assert isinstance(found["redis.reachable"], Failed)
    assert "redis.write" not in found
    assert isinstance(found["git"], Ok)
    assert "canary" not in repr(found)


async def test_a_state_directory_that_a_repository_could_bring_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clone" / ".git").mkdir(parents=True)

    found = await look(tmp_path, ONCEOVER_STATE_DIR=str(tmp_path / "clone" / "state"))

    assert isinstance(found["state.directory"], Failed)
    assert "lies in the git work tree" in found["state.directory"].said
    assert isinstance(found["redis.reachable"], Failed)
    assert not (tmp_path / "clone" / "state").exists()


async def test_a_machine_without_git_is_told_to_install_it(tmp_path: Path, redis_url: str) -> None:
    found = await look(tmp_path, path=str(tmp_path), ONCEOVER_REDIS_URL=redis_url)

    assert isinstance(found["git"], Failed)


@pytest.mark.parametrize(("said", "outcome"), [("2.38.9", Failed), ("2.39.5 (Apple Git-154)", Ok), ("x", Failed)])
async def test_an_old_git_is_told(tmp_path: Path, redis_url: str, said: str, outcome: type) -> None:
    git = tmp_path / "git"
    git.write_text(f"#!/bin/sh\necho 'git version {said}'\n")
    git.chmod(0o755)

    found = await look(tmp_path, path=str(tmp_path), ONCEOVER_REDIS_URL=redis_url)

    assert isinstance(found["git"], outcome)


async def test_the_model_is_asked_itself_on_request(tmp_path: Path, redis_url: str) -> None:
    async with ScriptedLlm(Script(rules=(Rule(text="ok"),))) as llm:
        found = await look(
            tmp_path,
            deep=True,
            ONCEOVER_REDIS_URL=redis_url,
            OPENAI_BASE_URL=llm.url,
            OPENAI_API_KEY="sk-not-a-key-of-anybody",
            ONCEOVER_LLM_MODEL="scripted-1",
        )

    assert found["model.answer"] == Ok(said="scripted-1 answered.")
    assert isinstance(found["model.server"], Warned)


async def test_github_is_asked_in_the_name_of_the_app(tmp_path: Path, redis_url: str) -> None:
    """The fake GitHub knows no App endpoints, so what comes back is its refusal."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    async with FakeGitHub() as github:
        found = await look(
            tmp_path,
            ONCEOVER_REDIS_URL=redis_url,
            ONCEOVER_GITHUB_API_URL=f"{github.url}/api/v3",
            ONCEOVER_GITHUB_APP_ID="12",
            ONCEOVER_GITHUB_PRIVATE_KEY=key.decode(),
            ONCEOVER_GITHUB_WEBHOOK_SECRET="hook",
            ONCEOVER_SECRET_KEY="s" * 43,
        )

    assert isinstance(found["app.credentials"], Ok)
    assert isinstance(found["app.known"], Failed)
    assert "GET /app" in found["app.known"].said
