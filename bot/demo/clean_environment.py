"""Clean environment: what a process of the demo sees of the user's.

Promises that no setting of the user's reaches it: nothing is asked, stored or sent elsewhere than in the demo.
"""

import os
from collections.abc import Mapping

PREFIXES = ("ONCEOVER_", "OPENAI_", "SENTRY_", "OTEL_")


def clean_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Give an environment without settings of ours and without proxies: all servers of the demo are on this machine."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(PREFIXES) and not name.lower().endswith("_proxy")
    }
