"""Model reading: what came of all groups, as the model's share of the report.

Promises that every group that was not read, and everything that was left out of an answer, is told with its reason;
and that a model is named only if something could be made of an answer of its.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.review.group_review import GroupReview
from pipeline.review.left_out import left_out
from pipeline.review.reports import AnalysisReport, Skipped, Spend
from pipeline.review.wording import count

WHO = "model"
"""Under this name the report tells what the model did not do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupUnread:
    """A group that nobody answered about."""

    paths: tuple[str, ...]
    why: str


def tell_reading(outcomes: Sequence[GroupReview | GroupUnread], *, without_room: Iterable[str] = ()) -> AnalysisReport:
    """Put the outcomes together, in the order of the groups.

    Args:
        outcomes: What came of each group.
        without_room: Paths of which at least a part is in no group.
    """
    reviews = [outcome for outcome in outcomes if isinstance(outcome, GroupReview)]
    usable = [review for review in reviews if review.unusable is None]
    return AnalysisReport(
        findings=tuple(finding for review in usable for finding in review.findings),
        model=", ".join(dict.fromkeys(review.model for review in usable)) or None,
        walkthrough="\n\n".join(review.walkthrough for review in usable if review.walkthrough),
        skipped=(
            *_unread(outcomes, is_any_read=bool(usable)),
            *left_out(((path, "more than a model reads in one review") for path in without_room), gap=True),
            *_left_out_of_answers(usable),
            *_withheld(reviews),
        ),
        spend=sum((review.spend for review in reviews), start=Spend()),
    )


def _unread(outcomes: Sequence[GroupReview | GroupUnread], *, is_any_read: bool) -> Iterator[Skipped]:
    """Tell the groups that were not read: one by one, or in one sentence if that is all of them."""
    reasons = [(outcome.paths, why) for outcome in outcomes if (why := _why_unread(outcome)) is not None]
    if reasons:
        whys = dict.fromkeys(why for _, why in reasons)
        yield from (Skipped(what=WHO, why=why, gap=True) for why in whys)
    if is_any_read:
        paths = ((path, "not read by the model, see there") for paths, _ in reasons for path in paths)
        yield from left_out(paths, gap=True)


def _why_unread(outcome: GroupReview | GroupUnread) -> str | None:
    return outcome.why if isinstance(outcome, GroupUnread) else outcome.unusable


def _left_out_of_answers(usable: Iterable[GroupReview]) -> Iterator[Skipped]:
    usable = list(usable)
    for gap in dict.fromkeys(gap for review in usable for gap in review.gaps):
        yield Skipped(what=WHO, why=gap, gap=True)
    for reason, number in _sum(review.dropped for review in usable).items():
        yield Skipped(what=WHO, why=f"{count(number, 'remark')} not taken: {reason}")
    for reason, number in _sum(review.suggestions_dropped for review in usable).items():
        yield Skipped(what=WHO, why=f"{count(number, 'suggestion')} not taken: {reason}")
    if refuted := sum(review.refuted for review in usable):
        yield Skipped(what=WHO, why=f"{count(refuted, 'remark')} refuted in the second pass")
    if unchecked := sum(review.unchecked for review in usable):
        yield Skipped(what=WHO, why=f"{count(unchecked, 'remark')} told without a second look, which could not be had")


def _withheld(reviews: Iterable[GroupReview]) -> Iterator[Skipped]:
    kinds = _sum(review.secrets for review in reviews)
    if kinds:
        told = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
        yield Skipped(what="secrets", why=f"taken out before the model read the change: {told}")


def _sum(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    return sum((Counter(one) for one in counts), start=Counter())
