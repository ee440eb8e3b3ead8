"""Reviewer: one group of changed files, asked about, held against the code, and doubted.

Promises that what was found is not lost because nobody could look at it a second time: where the model may answer
later it is asked again in the next attempt, and in the last one, or where no waiting helps, the report says so.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.engine.errors import OnceoverError, RetryLater
from pipeline.engine.stage import JsonValue
from pipeline.review.depth import DepthLimits, Turns
from pipeline.review.evidence import grounds_of
from pipeline.review.excerpts import FileExcerpt
from pipeline.review.group_review import GroupReview, review_group
from pipeline.review.guidance import Guidance
from pipeline.review.model_findings import AnalyzeAnswer, Checked, check_answer, spellings
from pipeline.review.structured import Message
from pipeline.review.wording import some
from pipeline.stages.analyze.conversation import Talk, converse
from pipeline.stages.analyze.desk import Desk, Heads
from pipeline.stages.analyze.refute import refute, unchecked


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """How groups are read in one attempt.

    Args:
        talk: What their conversations share.
        title: What the author calls the change.
        limits: Of the review's depth.
        prompt_tokens_max: What one prompt may hold, by the model's window.
        desk: The tools; None at a depth without.
        guidance: What the repository's maintainers ask of a review.
        heads: Reads the head's version of changed files.
        is_last_try: Whether a model that may answer later is not waited for.
    """

    talk: Talk
    title: str
    limits: DepthLimits
    prompt_tokens_max: int
    desk: Desk | None
    guidance: Guidance
    heads: Heads
    is_last_try: bool

    async def review(self, group: Sequence[FileExcerpt], turns: Turns) -> GroupReview:
        """Read a group.

        Args:
            group: What is asked about.
            turns: How often the model may look things up.

        Raises:
            RetryLater, AskPerson, GiveUp: The model's failure; see `Questions.ask`.
        """
        loop = replace(
            self.limits.loop,
            turns_max=turns.reading,
            prompt_tokens_max=min(self.prompt_tokens_max, self.limits.loop.prompt_tokens_max),
        )
        rules = self.guidance.rules_of(file.path for file in group)
        about = some(list(dict.fromkeys(file.path for file in group)), 1)

        async def call(messages: list[Message]) -> Mapping[str, JsonValue]:
            return await converse(self.talk, messages, desk=self.desk, limits=loop, about=about)

        async def check(answer: AnalyzeAnswer) -> Checked:
            claimed = {name for finding in answer.findings for name in spellings(finding.path)}
            texts = await self.heads([path for path in dict.fromkeys(file.path for file in group) if path in claimed])
            # In a thread: a large file takes a tenth of a second, and so does each suggestion that is tried on it.
            return await asyncio.to_thread(lambda: check_answer(answer, grounds_of(group, texts)))

        reviewed = await review_group(call, group, title=self.title, nonce=self.talk.nonce, check=check, rules=rules)
        if not self.limits.refutes:
            return reviewed
        try:
            doubting = replace(loop, turns_max=turns.doubting)
            return await refute(self.talk, group, reviewed, desk=self.desk, limits=doubting)
        except OnceoverError as error:
            if not self.talk.questions.met(error) or (isinstance(error, RetryLater) and not self.is_last_try):
                raise
            return unchecked(reviewed)
