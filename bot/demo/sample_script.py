"""Sample script: what the pretended model of the demo says about the sample repository."""

from typing import Final

from bot.demo.scripted_llm import Rule, Script

REPAIR_GATE: Final = "repair"
"""The second call waits here until it is opened: time to kill the process that asked."""

REPAIR_RULE: Final = 3
"""Place of its rule in both scripts."""

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

_SECOND_LOOK: Final = "Another reviewer made remarks"
"""How the question begins that doubts what was found."""

_VERDICTS: Final = {
    "verdicts": [
        {"number": 1, "verdict": "stands", "reason": "Line 8 divides before it multiplies."},
        {"number": 2, "verdict": "stands", "reason": "Line 6 compares with `>=`."},
        {"number": 3, "verdict": "stands", "reason": "No line keeps the price from becoming negative."},
    ]
}

_STALE_SENTENCES: Final = "may have made sentences of its documentation wrong"
"""How the question about documentation begins."""

_STALE: Final = {"answers": [{"id": 1, "verdict": "stale", "corrected": None}]}

_CUT: Final = '{"walkthrough": "`apply_discount` became `discounted` and also takes coupons'
"""An answer that ends too early, as answers do: it is paid for, and asked to be repaired."""

SCRIPT: Final = Script(
    rules=(
        Rule(match=_STALE_SENTENCES, answer=_STALE, delay_ms=300),
        Rule(match=_SECOND_LOOK, answer=_VERDICTS, delay_ms=300),
        Rule(match="shop/pricing.py", text=_CUT, delay_ms=1_500, times=1),
        Rule(match="shop/pricing.py", answer=_REVIEW, delay_ms=1_500, gate=REPAIR_GATE),
    )
)
"""An answer, a call that the asking process does not survive, and all that comes after. The delay is that of a quick
model, so that one sees the stages move."""

APP_SCRIPT: Final = Script(
    rules=(
        Rule(match=_STALE_SENTENCES, answer=_STALE, delay_ms=300),
        Rule(match=_SECOND_LOOK, answer=_VERDICTS, delay_ms=300),
        Rule(match="shop/pricing.py", text=_CUT, delay_ms=1_200, times=1),
        Rule(match="shop/pricing.py", answer=_REVIEW, delay_ms=1_200, gate=REPAIR_GATE),
    )
)
"""The same for the App's demo."""
