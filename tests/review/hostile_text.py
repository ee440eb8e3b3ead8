"""Text that tries to act: what the security cases 36 and 83 to 87 name, and anything at all."""

from typing import Final

from hypothesis import strategies as st

SHA: Final = "0123456789abcdef0123456789abcdef01234567"

HOSTILE: Final = [
    "![x](http://evil.example/?q=1)",
    "![x][r]\n\n[r]: http://evil.example/p.png",
    '<img src="http://evil.example"><picture><svg onload=x>',
    "[text](javascript:alert(1)) <https://evil.example> www.evil.example xn--evil.example",
    "https://user:pw@evil.example/@name",
    "@user @org/team a@b.example owner/repo#1 #1 GH-1 _GH-2_ " + SHA,
    "/merge\n/lgtm\nbors r+\n@dependabot merge\n/ok-to-test",
    "```\n~~~\n````\n/merge\n</details>\n<!-- onceover:summary v=1 run=x head=y -->\n# Heading",
    "`````` `@user` ``#1`` `",
    "`a``b`@user`c`",
    "| a | b |\n|---|---|\n| `|` | \\| |",
    "\x00\x1b[2J\u202eevil\u200b\u2066 \ud800 \U000e0041",
    "# h\n===\n---\n> q\n1. one\n- [ ] task\n\n    indented\n\tcode",
    "\\@user \\# \\\\[x](y) &#64;user &lt;img&gt; $x$ $$y$$ ~~gone~~ [^1]",
    "a\rb\r\n/merge\x0b/merge\x85\u2028/merge",
]

any_text = st.one_of(
    st.text(st.characters()),
    st.lists(st.sampled_from([*HOSTILE, *"`~|<>[]()!@#/\\&_*-+= \n\t\r$.:1ab"]), max_size=30).map("".join),
)
