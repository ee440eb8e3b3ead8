"""Sample script: what the pretended model of the demo says about the sample repository."""

from typing import Final

from bot.demo.scripted_llm import Rule, Script

WORDS_GATE: Final = "words"
"""The summary's call waits here until it is opened: time to kill the process that asked."""

WORDS_RULE: Final = 0
"""Place of the summary's rule in the script."""

_REVIEW: Final = {
    "walkthrough": "`apply_discount` became `discounted` and also takes coupons; orders can be packed into an archive; "
    "`reserve` now compares with `>=`, and `restock` puts goods back on the shelf.",
    "findings": [
        {
            "path": "shop/pricing.py",
            "line": 8,
            "line_end": 8,
            "severity": "critical",
            "category": "bug",
            "title": "Every discount below 100 % is lost",
            "claim": "`percent // 100` is 0 for 0 to 99, so the price stays as it was. Multiply before you divide, as "
            "the base did.",
            "evidence": "price = price_cents * (1 - percent // 100)",
            "confidence": 0.98,
            "suggestion": "    price = price_cents * (100 - percent) // 100",
        },
        {
            "path": "warehouse/stock.py",
            "line": 6,
            "line_end": 6,
            "severity": "high",
            "category": "bug",
            "title": "The last piece on the shelf can no longer be reserved",
            "claim": "With 3 on the shelf, `reserve(stock, item, 3)` is refused, because `amount >= 3` holds. The base "
            "used `>`, which let the last piece go.",
            "evidence": "if amount >= stock.get(item, 0):",
            "confidence": 0.95,
            "suggestion": "    if amount > stock.get(item, 0):",
        },
        {
            "path": "shop/pricing.py",
            "line": 11,
            "line_end": 11,
            "severity": "medium",
            "category": "bug",
            "title": "Coupons can make the price negative",
            "claim": "Two coupons of 1,500 on a price of 2,000 give -1,000: the shop would pay the customer.",
            "evidence": "return price",
            "confidence": 0.8,
            "suggestion": None,
        },
    ],
}

_WORDS: Final = {
    "what_changed": "The branch replaces `apply_discount` by `discounted`, which also takes coupons off, adds an "
    "archive of orders, and changes when `reserve` refuses.",
    "risks": ["Prices that customers pay depend on `shop/pricing.py`; its test fails."],
}

SCRIPT: Final = Script(
    rules=(
        Rule(match="help the reader of a code review", answer=_WORDS, gate=WORDS_GATE),
        Rule(match="shop/pricing.py", answer=_REVIEW, delay_ms=1_500),
    )
)
"""The delay is that of a quick model, so that one sees the stages move."""

REPAIR_GATE: Final = "repair"
"""In the App's demo, the second call waits here until it is opened: time to kill the worker that asked."""

_CUT: Final = '{"walkthrough": "`apply_discount` became `discounted` and also takes coupons'
"""An answer that ends too early, as answers do: it is paid for, and asked to be repaired."""

APP_SCRIPT: Final = Script(
    rules=(
        Rule(match="help the reader of a code review", answer=_WORDS, delay_ms=800),
        Rule(match="shop/pricing.py", text=_CUT, delay_ms=1_200, times=1),
        Rule(match="shop/pricing.py", answer=_REVIEW, delay_ms=1_200, gate=REPAIR_GATE),
    )
)
"""The App's demo: an answer, a call that the worker does not survive, and all that comes after."""
