"""Public URL: the address at which GitHub is to reach the web process.

Promises to refuse, before anything is registered, what GitHub would refuse afterwards or could never reach.
Does not promise that the address answers.
"""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from bot.setup.hosts import GitHubHost
from pipeline.engine.errors import AskPerson
from pipeline.review.visible import visible

WEBHOOK_PATH: Final = "/webhooks/github"

FORWARD: Final = (
    "For a first try from your own machine, let a forwarder lend you an address: `cloudflared tunnel --url "
    "http://127.0.0.1:{port}` or `ngrok http {port}` prints one; give it with `--url` and keep the forwarder running."
)


class NoPublicUrl(AskPerson):
    """There is no address at which GitHub could reach us."""

    code = "setup.no_public_url"


def check_public_url(url: str | None, github: GitHubHost, *, port: int) -> str:
    """Accept an address that GitHub can deliver to.

    Args:
        url: As given; None if it was not.
        github: Who is to reach it.
        port: Where the web process listens on this machine, for the advice.

    Returns:
        The address without its last slash.

    Raises:
        NoPublicUrl: None was given, it is no such address, or GitHub cannot reach it; says what to do.
    """
    advice = FORWARD.format(port=port or "PORT")
    if not url:
        raise NoPublicUrl(
            "GitHub has to know where to deliver: there is no public URL.",
            next_step=f"Give it with `--url https://onceover.example.org` or ONCEOVER_PUBLIC_URL. {advice}",
        )
    shown = visible(url, lines=False)
    try:
        address = urlsplit(url)
        host = address.hostname or ""
        is_plain = address.scheme in {"http", "https"} and not (address.query or address.fragment or "@" in url)
        _ = address.port
    except ValueError:
        is_plain, host = False, ""
    if not is_plain or not host or not url.isprintable() or not url.isascii() or " " in url:
        raise NoPublicUrl(
            f"`{shown}` is no public URL.", next_step="It looks like https://onceover.example.org, a path may follow."
        )
    if (why := _unreachable(host, github)) is not None:
        raise NoPublicUrl(f"GitHub cannot deliver to {shown}: {why}.", next_step=advice)
    return url.rstrip("/")


def _unreachable(host: str, github: GitHubHost) -> str | None:
    if host == "localhost" or host.endswith(".localhost"):
        return "localhost is this machine for us and another one for GitHub, which refuses it"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        is_local_name = github.is_public and "." not in host.rstrip(".")
        return f"{host} is a name of a private network, which github.com cannot reach" if is_local_name else None
    if address.is_loopback or address.is_unspecified or address.is_link_local:
        return f"{host} is this machine for us and another one for GitHub, which refuses it"
    if github.is_public and not address.is_global:
        return f"{host} is an address of a private network, which github.com cannot reach"
    return None
