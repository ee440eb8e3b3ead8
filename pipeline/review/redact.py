"""Redact: secrets of well-known form never reach a model, a comment or a log.

Promises that a token that says by its own form what it is (a vendor's prefix, a PEM block, a password in a URL) is
replaced by `<secret:KIND:LENGTH>`, and that the number of lines stays. Does not promise to find a password that looks
like any other word: guessing by entropy hides more code than secrets.

Each rule starts from a literal that has to be in the text, so that a text without secrets costs a search per rule.
"""

import re
from dataclasses import dataclass
from typing import Final

SHORT_CHARACTERS_MAX: Final = 24
MEDIUM_CHARACTERS_MAX: Final = 64
"""The placeholder tells only a class of length: enough to judge a remark, too little to guess a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """A text without its secrets."""

    text: str
    kinds: tuple[str, ...] = ()
    """What was found, one entry per secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one kind of secret looks; the group `secret` is replaced, or else the whole match."""

    kind: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]


def redact(text: str) -> Redacted:
    """Replace the secrets of a text."""
    kinds: list[str] = []
    for rule in RULES:
        if any(hint in text for hint in rule.hints):
            text = rule.pattern.sub(lambda found, kind=rule.kind: _placeholder(found, kind, kinds), text)  # type: ignore[misc]
    return Redacted(text=text, kinds=tuple(kinds))


def _placeholder(found: re.Match[str], kind: str, kinds: list[str]) -> str:
    """Put the kind and the class of length in the secret's place, and keep its line ends."""
    kinds.append(kind)
    name = "secret" if "secret" in found.re.groupindex else 0
    secret, whole = found[name], found[0]
    shown = f"<secret:{kind}:{_length(secret)}>" + "\n" * secret.count("\n")
    start = found.start(name) - found.start()
    return whole[:start] + shown + whole[start + len(secret) :]


def _length(secret: str) -> str:
    if len(secret) <= SHORT_CHARACTERS_MAX:
        return "short"
    return "medium" if len(secret) <= MEDIUM_CHARACTERS_MAX else "long"


def _token(kind: str, body: str, *hints: str) -> Rule:
    """A token that stands by itself: nothing of a word touches its start."""
    return Rule(kind=kind, hints=hints, pattern=re.compile(rf"(?<![A-Za-z0-9])(?:{body})"))


def _within(kind: str, around: str, *hints: str, flags: re.RegexFlag = re.NOFLAG) -> Rule:
    """A secret that is known by what stands around it."""
    return Rule(kind=kind, hints=hints, pattern=re.compile(around, flags))


_BASE64: Final = "A-Za-z0-9+/="
_BEGIN: Final = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_END: Final = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_HEADERS: Final = r"(?:\s{1,4}[A-Za-z-]{1,30}: [^\n]{0,200}){0,5}"
_CHUNKS: Final = rf"(?:[^{_BASE64}]{{1,20}}[{_BASE64}]{{16,}}){{0,400}}"
_LAST_CHUNK: Final = rf"(?:[^{_BASE64}]{{1,20}}[{_BASE64}]{{1,15}})?[^{_BASE64}]{{0,20}}"

RULES: Final = (
    # Private keys, whole, without their end, or without their beginning: a hunk may show any part.
    _within("private-key", rf"{_BEGIN}{_HEADERS}{_CHUNKS}(?:{_LAST_CHUNK}{_END})?", "PRIVATE KEY"),
    _within(
        "private-key",
        rf"(?<![{_BASE64}])(?:[{_BASE64}]{{40,}}[^{_BASE64}]{{1,20}}){{1,100}}(?:[{_BASE64}]{{1,39}}[^{_BASE64}]{{1,20}})?{_END}",
        "-----END ",
    ),
    _token("age-key", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}", "AGE-SECRET-KEY-"),
    # Code hosts and package registries.
    _token("github-token", r"gh[pousr]_[A-Za-z0-9_]{20,}|github_pat_[A-Za-z0-9_]{22,}", "gh", "github_pat_"),
    _token("gitlab-token", r"gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|imt)-[A-Za-z0-9_.-]{20,}", "gl"),
    _token("npm-token", r"npm_[A-Za-z0-9]{30,}", "npm_"),
    _token("pypi-token", r"pypi-[A-Za-z0-9_-]{40,}", "pypi-"),
    _token("rubygems-token", r"rubygems_[a-f0-9]{40,}", "rubygems_"),
    _token("docker-token", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}", "dckr_"),
    # Models.
    _token("anthropic-key", r"sk-ant-[A-Za-z0-9_-]{20,}", "sk-ant-"),
    _token("openai-key", r"sk-(?:[a-z]{2,10}-)?[A-Za-z0-9_-]{20,}", "sk-"),
    _token("huggingface-token", r"hf_[A-Za-z0-9]{30,}", "hf_"),
    # Clouds.
    _token("aws-key-id", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])", "AKIA", "ASIA", "ABIA", "ACCA"),
    _within(
        "aws-secret",
        rf"aws.{{0,20}}(?:secret|private).{{0,20}}?[=:]\s*[\"']?(?P<secret>[A-Za-z0-9/+]{{40}})(?![{_BASE64}])",
        "aws",
        "AWS",
        flags=re.IGNORECASE,
    ),
    _token("google-key", r"AIza[A-Za-z0-9_-]{35}", "AIza"),
    _token("google-oauth", r"ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}", "ya29.", "GOCSPX-"),
    _within(
        "azure-key", r"(?:AccountKey|SharedAccessKey)=(?P<secret>[A-Za-z0-9+/]{40,}={0,2})", "AccountKey=", "AccessKey="
    ),
    _token("digitalocean-token", r"do[oprt]_v1_[a-f0-9]{60,}", "_v1_"),
    _token("vault-token", r"hv[sbr]\.[A-Za-z0-9_-]{20,}", "hvs.", "hvb.", "hvr."),
    _token("databricks-token", r"dapi[a-f0-9]{32}(?![a-f0-9])", "dapi"),
    # Services.
    _token("slack-token", r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}", "xox", "xapp-"),
    _within(
        "slack-webhook", r"hooks\.slack\.com/(?:services|workflows)/(?P<secret>[A-Za-z0-9_/-]{20,})", "hooks.slack.com"
    ),
    _within(
        "discord-webhook", r"discord(?:app)?\.com/api/webhooks/(?P<secret>\d+/[A-Za-z0-9_-]{40,})", "/api/webhooks/"
    ),
    _token("telegram-token", r"\d{8,10}:AA[A-Za-z0-9_-]{32,}", ":AA"),
    _token(
        "stripe-key", r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9]{20,}", "_live_", "_test_", "whsec_"
    ),
    _token("sendgrid-key", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}", "SG."),
    _token("twilio-key", r"SK[0-9a-f]{32}(?![0-9a-f])", "SK"),
    _token("mailgun-key", r"key-[0-9a-f]{32}(?![0-9a-f])", "key-"),
    _token("shopify-token", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", "shp"),
    _token("sentry-token", r"sntry[su]_[A-Za-z0-9+/=_-]{40,}", "sntry"),
    # Forms that no vendor owns.
    _token("jwt", r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}", "eyJ"),
    _within("url-password", r"://[^\s/:@\"'<>]{0,64}:(?P<secret>[^\s/@\"'<>]{1,256})@", "://"),
    _within("authorization", r"(?:Bearer|Basic) (?P<secret>[A-Za-z0-9+/=._~-]{16,})", "Bearer ", "Basic "),
)
"""From the most to the least specific: what an earlier rule replaced, no later one sees."""
