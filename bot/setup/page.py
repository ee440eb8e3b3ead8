"""Page: what the person sees in the browser while an App is registered.

Promises whole pages without script, without any address but GitHub's, and with every value escaped. No secret is given
to this module, so none can stand on a page.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from html import escape
from typing import Final

from bot.setup.app_needs import EVENTS, PERMISSIONS
from bot.setup.public_url import WEBHOOK_PATH

STYLE: Final = """
:root{color-scheme:light dark;--line:#8883;--soft:#777}
body{font:16px/1.55 system-ui,sans-serif;max-width:42rem;margin:0 auto;padding:2rem 1rem}
h1{font-size:1.5rem;margin:0 0 .5rem}h2{font-size:1.05rem;margin:1.8rem 0 .4rem}
table{border-collapse:collapse;width:100%}td{border-top:1px solid var(--line);padding:.35rem .6rem .35rem 0;
vertical-align:top}td:first-child{white-space:nowrap}code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}
pre{border:1px solid var(--line);border-radius:6px;padding:.7rem;overflow:auto}
button,.go{display:inline-block;font:inherit;font-weight:600;color:#fff;background:#1a7f37;border:0;border-radius:6px;
padding:.6rem 1.1rem;text-decoration:none;cursor:pointer;margin:1.2rem 0 .4rem}
button:focus-visible,.go:focus-visible{outline:3px solid #4493f8;outline-offset:2px}.soft{color:var(--soft)}
"""

STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""Lets the browser take this style and no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is about to be registered."""

    name: str
    owner: str
    """An organisation, or words for whoever is signed in."""
    public_url: str
    form_url: str
    manifest: str


def proposal_page(proposal: Proposal) -> str:
    """Show what will be registered, with the one button."""
    permissions = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(need.level)}</td><td>{_prose(need.why)}</td></tr>"
        for name, need in PERMISSIONS.items()
    )
    events = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_prose(why)}</td></tr>" for name, why in EVENTS.items()
    )
    return _page(
        "Register the GitHub App",
        f"""<p>GitHub will show its own page next. Nothing is registered before you say so there, and the name may
still be changed.</p>
<form method="post" action="{escape(proposal.form_url)}">
<input type="hidden" name="manifest" value="{escape(proposal.manifest)}">
<button type="submit">Continue to GitHub</button>
</form>
<p class="soft">Do it within one hour; then this page has to be loaded again.</p>
<h2>The App</h2>
<table><tr><td>Name</td><td>{escape(proposal.name)}</td></tr>
<tr><td>Owner</td><td>{escape(proposal.owner)}</td></tr>
<tr><td>Webhook</td><td><code>{escape(proposal.public_url + WEBHOOK_PATH)}</code></td></tr>
<tr><td>Visible</td><td>to its owner only</td></tr></table>
<h2>What it may do</h2>
<table>{permissions}</table>
<p class="soft">It never approves, merges, labels or pushes.</p>
<h2>What it is told</h2>
<table>{events}</table>""",
    )


def done_page(*, name: str, install_url: str | None, stored: str, commands: tuple[str, ...]) -> str:
    """Show that it worked, and the next step."""
    install = (
        f'<a class="go" href="{escape(install_url)}" rel="noreferrer">Install it on repositories</a>'
        if install_url
        else "<p>Install it on repositories from its page on GitHub.</p>"
    )
    return _page(
        f"{name} is registered",
        f"""<p>{escape(stored)}</p>{install}
<h2>Then, in the terminal</h2><pre>{escape(chr(10).join(commands))}</pre>
<p class="soft">This page has done its work; the command has ended.</p>""",
    )


def refusal_page(title: str, what: str, next_step: str) -> str:
    """Show why something did not work, and the next step."""
    return _page(title, f"<p>{escape(what)}</p><p>{escape(next_step)}</p>")


def _prose(text: str) -> str:
    """Set a sentence of ours, with what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)} · Onceover</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
