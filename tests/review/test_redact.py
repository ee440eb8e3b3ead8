"""Secrets of well-known form are replaced; code is left alone.

All tokens here are made up and put together at run time, so that no scanner of secrets trips over this file.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.redact import RULES, redact

LETTERS = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"
HEX = "0123456789abcdef"


def letters(count: int) -> str:
    return (LETTERS * 20)[:count]


def hexes(count: int) -> str:
    return (HEX * 20)[:count]


def pem(lines: int, kind: str = "RSA ") -> list[str]:
    body = [letters(64) for _ in range(lines)] + [letters(20) + "="]
    dashes = "-" * 5
    return [f"{dashes}BEGIN {kind}PRIVATE KEY{dashes}", *body, f"{dashes}END {kind}PRIVATE KEY{dashes}"]


SECRETS: list[tuple[str, str]] = [
    ("github-token", "gh" + "p_" + letters(36)),
    ("github-token", "gh" + "s_" + letters(36)),
    ("github-token", "github" + "_pat_" + letters(82)),
    ("gitlab-token", "gl" + "pat-" + letters(20)),
    ("npm-token", "npm" + "_" + letters(36)),
    ("pypi-token", "py" + "pi-" + letters(150)),
    ("rubygems-token", "rubygems" + "_" + hexes(48)),
    ("docker-token", "dckr" + "_pat_" + letters(27)),
    ("anthropic-key", "sk" + "-ant-api03-" + letters(90)),
    ("openai-key", "sk" + "-proj-" + letters(48)),
    ("openai-key", "sk" + "-" + letters(48)),
    ("huggingface-token", "hf" + "_" + letters(34)),
    ("aws-key-id", "AK" + "IA" + "Q3ZX7PLM2RTW9KBN"),
    ("google-key", "AI" + "za" + letters(35)),
    ("google-oauth", "ya" + "29." + letters(60)),
    ("digitalocean-token", "dop" + "_v1_" + hexes(64)),
    ("vault-token", "hv" + "s." + letters(24)),
    ("databricks-token", "da" + "pi" + hexes(32)),
    ("slack-token", "xo" + "xb-" + "123456789012-" + letters(24)),
    ("telegram-token", "123456789" + ":AA" + letters(33)),
    ("stripe-key", "sk" + "_live_" + letters(24)),
    ("sendgrid-key", "S" + "G." + letters(22) + "." + letters(43)),
    ("twilio-key", "S" + "K" + hexes(32)),
    ("mailgun-key", "ke" + "y-" + hexes(32)),
    ("shopify-token", "shp" + "at_" + hexes(32)),
    ("sentry-token", "sntry" + "s_" + letters(80)),
    ("age-key", "AGE-SECRET" + "-KEY-1" + "Q" * 58),
    ("jwt", "ey" + "J" + letters(20) + ".ey" + "J" + letters(30) + "." + letters(40)),
]
EMBEDDED: list[tuple[str, str, str]] = [
    ("aws-secret", 'aws_secret_access_key = "', letters(40)),
    ("azure-key", "AccountName=a;AccountKey=", letters(86) + "=="),
    ("slack-webhook", "https://hooks.slack.com/services/", "T000/B000/" + letters(24)),
    ("discord-webhook", "https://discord.com/api/webhooks/", "123456/" + letters(68)),
    ("url-password", "postgres://app:", "hunter2"),
    ("authorization", "Authorization: Bearer ", letters(30)),
]


@pytest.mark.parametrize(("kind", "secret"), SECRETS)
@pytest.mark.parametrize("frame", ["{}", 'token = "{}"', "({},", "x={};", "https://u@h/?k={}&b=1"])
def test_a_token_is_replaced_wherever_it_stands(kind: str, secret: str, frame: str) -> None:
    redacted = redact(frame.format(secret))

    assert redacted.kinds == (kind,)
    assert secret[8:] not in redacted.text
    assert re.sub(rf"<secret:{kind}:(short|medium|long)>", secret, redacted.text) == frame.format(secret)


@pytest.mark.parametrize(("kind", "before", "secret"), EMBEDDED)
def test_only_the_secret_is_replaced_where_its_surroundings_tell_it(kind: str, before: str, secret: str) -> None:
    redacted = redact(f"{before}{secret}@host")

    assert redacted.kinds == (kind,)
    assert redacted.text.startswith(f"{before}<secret:{kind}:")
    assert redacted.text.endswith("@host")


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_a_private_key_is_replaced_and_its_lines_stay_lines(kind: str) -> None:
    lines = ["before = 1", *pem(12, kind), "after = 2"]
    lines[2:2] = ["Proc-Type: 4,ENCRYPTED", ""] if kind == "ENCRYPTED " else []

    redacted = redact("\n".join(lines))

    assert redacted.kinds == ("private-key",)
    assert redacted.text.count("\n") == len(lines) - 1
    assert redacted.text.startswith("before = 1\n<secret:private-key:long>\n")
    assert redacted.text.endswith("\nafter = 2")


@pytest.mark.parametrize("part", [slice(None, -1), slice(1, None), slice(None, 4), slice(9, None)])
def test_a_part_of_a_private_key_is_replaced_too(part: slice) -> None:
    redacted = redact("\n".join(pem(12)[part]) + "\n)")

    assert redacted.kinds == ("private-key",)
    assert letters(20) not in redacted.text


def test_a_private_key_in_one_string_is_replaced() -> None:
    redacted = redact('KEY = "' + "\\n".join(pem(4)) + '\\n"')

    assert redacted.kinds == ("private-key",)
    assert letters(20) not in redacted.text


@pytest.mark.parametrize(
    "code",
    [
        "task-runner-with-a-very-long-hyphenated-name",
        "self.ghost_writer_of_everything_that_is_long()",
        "sha = '3f2a91c04d5e6f708192a3b4c5d6e7f8091a2b3c'",
        'if line.startswith("' + "-" * 5 + "BEGIN RSA PRIVATE KEY" + "-" * 5 + '"):\n    return parse(line)',
        "https://example.com/a:b/c@d",
        "risk-assessment-of-the-whole-programme",
        "npm_config_registry",
        "Basic usage: see the README",
        "std::vector<int> key-value",
    ],
)
def test_code_is_left_alone(code: str) -> None:
    text = redact(code).text

    assert text.endswith(code[-20:])
    assert text == code or "private-key" in text


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_keeps_its_number_of_lines(text: str) -> None:
    assert redact(text).text.count("\n") == text.count("\n")


def test_what_is_redacted_once_is_redacted() -> None:
    once = redact("\n".join(secret for _, secret in SECRETS) + "\n" + "\n".join(pem(3)))

    assert redact(once.text) == type(once)(text=once.text)


def test_every_rule_has_an_example() -> None:
    examples = {kind for kind, _ in SECRETS} | {kind for kind, _, _ in EMBEDDED} | {"private-key"}

    assert {rule.kind for rule in RULES} == examples
