"""Actions on pull requests, and what people write on them."""

from collections.abc import Mapping

from bot.demo.simulated_github import events
from bot.demo.simulated_github.actions.actor import Place
from bot.demo.simulated_github.actions.repositories import RepositoryActions
from bot.demo.simulated_github.conversation import Anchor, IssueComment, ReviewComment
from bot.demo.simulated_github.git_store import Content
from bot.demo.simulated_github.repositories import Pull, Repository
from bot.demo.simulated_github.shapes.pulls import label as label_shape
from bot.demo.simulated_github.world import NoSuchThing
from bot.demo.simulated_github.writing import write_comment, write_review, write_review_comment


class PullActions(RepositoryActions):
    """What people do with pull requests."""

    async def open_pull(  # noqa: PLR0913 - What one can say when one opens a pull request.
        self,
        place: Place,
        head_branch: str,
        *,
        base: str = "main",
        title: str = "A change",
        body: str | None = None,
        author: str | None = None,
        draft: bool = False,
        fork: Repository | None = None,
        labels: tuple[str, ...] = (),
        lost: bool = False,
    ) -> Pull:
        """Open a pull request from a branch of the repository, or of a fork."""
        repository = self.world.repository(place)
        source = fork or repository
        sha, now = source.git.sha(head_branch), self.world.instant()
        number = max(repository.pulls, default=0) + 1
        repository.git.fetch(source.git, sha, f"refs/pull/{number}/head")
        pull = Pull(
            id=self.world.ids.next("PullRequest"),
            serial=self.world.ids.serial,
            issue_id=self.world.ids.next("Issue"),
            number=number,
            repository=repository,
            title=title,
            body=body,
            author=self._user(author or source.owner.login),
            base_ref=base,
            base_sha=repository.git.sha(base),
            head_ref=head_branch,
            head_repository=source,
            head_owner=source.owner,
            heads=[sha],
            created_at=now,
            updated_at=now,
            draft=draft,
            labels={name: self.world.ids.next("Label") for name in labels},
        )
        repository.pulls[number] = pull
        await self._tell(events.pull_event(self.world, pull, "opened", pull.author), lost=lost)
        if fork is not None:
            await self._request_suites(repository, sha, pull.author, lost=lost)
        return pull

    async def push_to_pull(
        self,
        pull: Pull,
        files: Mapping[str, Content],
        message: str = "Change again\n",
        *,
        parent: str | None = None,
        lost: bool = False,
    ) -> str:
        """Push to the branch of a pull request; `parent` makes it a forced push."""
        if pull.head_repository is None:
            raise NoSuchThing(f"The fork of pull request {pull.number} was deleted: nobody can push to it.")
        return await self.push(
            pull.head_repository, pull.head_ref, files, message, parent=parent, user=pull.author.login, lost=lost
        )

    async def close_pull(
        self, pull: Pull, *, merged: bool = False, user: str | None = None, lost: bool = False
    ) -> None:
        """Close a pull request, merged or not."""
        pull.state, pull.closed_at = "closed", self.world.instant()
        pull.merged_at = pull.closed_at if merged else None
        await self._change(pull, "closed", user, lost=lost)

    async def reopen_pull(self, pull: Pull, *, user: str | None = None, lost: bool = False) -> None:
        """Open a closed pull request again."""
        pull.state, pull.closed_at = "open", None
        await self._change(pull, "reopened", user, lost=lost)

    async def mark_ready(self, pull: Pull, *, user: str | None = None, lost: bool = False) -> None:
        """Say that a draft is ready for review."""
        pull.draft = False
        await self._change(pull, "ready_for_review", user, lost=lost)

    async def convert_to_draft(self, pull: Pull, *, user: str | None = None, lost: bool = False) -> None:
        """Make a pull request a draft again."""
        pull.draft = True
        await self._change(pull, "converted_to_draft", user, lost=lost)

    async def change_base(self, pull: Pull, base: str, *, user: str | None = None, lost: bool = False) -> None:
        """Let a pull request go to another branch."""
        changes = {"base": {"ref": {"from": pull.base_ref}, "sha": {"from": pull.base_sha}}}
        pull.base_ref, pull.base_sha = base, pull.repository.git.sha(base)
        await self._change(pull, "edited", user, lost=lost, changes=changes)

    async def edit_pull(
        self,
        pull: Pull,
        *,
        title: str | None = None,
        body: str | None = None,
        user: str | None = None,
        lost: bool = False,
    ) -> None:
        """Change title or description."""
        changes: dict[str, object] = {}
        if title is not None:
            changes["title"], pull.title = {"from": pull.title}, title
        if body is not None:
            changes["body"], pull.body = {"from": pull.body}, body
        await self._change(pull, "edited", user, lost=lost, changes=changes)

    async def label(self, pull: Pull, name: str, *, user: str | None = None, lost: bool = False) -> None:
        """Put a label on."""
        shape = label_shape(self.world, pull, name, pull.labels.setdefault(name, self.world.ids.next("Label")))
        await self._change(pull, "labeled", user, lost=lost, label=shape)

    async def unlabel(self, pull: Pull, name: str, *, user: str | None = None, lost: bool = False) -> None:
        """Take a label off."""
        shape = label_shape(self.world, pull, name, pull.labels.pop(name))
        await self._change(pull, "unlabeled", user, lost=lost, label=shape)

    async def lock(self, pull: Pull, *, user: str | None = None, lost: bool = False) -> None:
        """Lock the conversation."""
        pull.locked = True
        await self._change(pull, "locked", user, lost=lost)

    async def unlock(self, pull: Pull, *, user: str | None = None, lost: bool = False) -> None:
        """Unlock the conversation."""
        pull.locked = False
        await self._change(pull, "unlocked", user, lost=lost)

    async def comment(self, pull: Pull, user: str, body: str, *, lost: bool = False) -> IssueComment:
        """Write a comment."""
        comment = write_comment(self.world, pull, self._user(user), body)
        event = events.comment_event(self.world, pull, comment, "created", comment.author)
        await self._tell(event, lost=lost)
        return comment

    async def edit_comment(
        self, pull: Pull, comment: IssueComment, body: str, *, user: str | None = None, lost: bool = False
    ) -> None:
        """Change a comment, one's own or, as a maintainer, somebody else's."""
        before, comment.body = comment.body, body
        comment.updated_at = self.world.instant()
        sender = self._user(user) if user else comment.author
        changes = {"body": {"from": before}}
        event = events.comment_event(self.world, pull, comment, "edited", sender, changes=changes)
        await self._tell(event, lost=lost)

    async def delete_comment(
        self, pull: Pull, comment: IssueComment, *, user: str | None = None, lost: bool = False
    ) -> None:
        """Delete a comment, one's own or, as a maintainer, somebody else's."""
        pull.comments.remove(comment)
        sender = self._user(user) if user else comment.author
        await self._tell(events.comment_event(self.world, pull, comment, "deleted", sender), lost=lost)

    async def review_comment(  # noqa: PLR0913 - Likewise.
        self,
        pull: Pull,
        user: str,
        body: str,
        *,
        path: str | None = None,
        line: int = 1,
        in_reply_to: ReviewComment | None = None,
        lost: bool = False,
    ) -> ReviewComment:
        """Write on a line of the diff (of the first file unless told), or in reply."""
        author = self._user(user)
        review = write_review(self.world, pull, author, "", "COMMENTED", pull.head_sha)
        review.is_implicit = True
        files = pull.repository.changes(pull)
        place = in_reply_to.anchor if in_reply_to else Anchor(path=path or files[0].path, line=line)
        first = in_reply_to.id if in_reply_to else None
        comment = write_review_comment(self.world, pull, review, body, place, in_reply_to_id=first)
        await self._tell(events.review_comment_event(self.world, pull, comment, "created", author), lost=lost)
        return comment

    async def _change(self, pull: Pull, action: str, user: str | None, *, lost: bool, **more: object) -> None:
        pull.updated_at = self.world.instant()
        sender = self._user(user) if user else pull.author
        await self._tell(events.pull_event(self.world, pull, action, sender, **more), lost=lost)
