"""Shapes of accounts, Apps, installations and repositories."""

from datetime import UTC, datetime
from typing import Final

from bot.demo.simulated_github.accounts import Account, App, Installation
from bot.demo.simulated_github.identifiers import node_id
from bot.demo.simulated_github.repositories import Repository
from bot.demo.simulated_github.world import Delivery, Json, World

USER_URLS: Final = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
"""Addresses of a user's pages below the user's own."""

REPOSITORY_URLS: Final = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
"""Addresses of a repository's resources below its own."""


def instant(moment: datetime | None) -> str | None:
    """Write a time as GitHub does: `2026-01-05T09:00:00Z`."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def user(world: World, account: Account) -> Json:
    """Give a `simple-user`."""
    page = f"{world.url}/users/{account.login}"
    return {
        "id": account.id,
        "node_id": node_id("User", account.id),
        "login": account.login,
        "type": account.type,
        "user_view_type": "public",
        "site_admin": False,
        "gravatar_id": "",
        "avatar_url": f"{world.url}/avatars/{account.id}",
        "url": page,
        "html_url": f"{world.url}/{'apps/' if account.type == 'Bot' else ''}{account.login.removesuffix('[bot]')}",
        **{name: page + rest for name, rest in USER_URLS.items()},
    }


def app(world: World, one: App) -> Json:
    """Give an `integration`."""
    return {
        "id": one.id,
        "node_id": node_id("App", one.id),
        "client_id": one.client_id,
        "slug": one.slug,
        "name": one.name,
        "owner": user(world, one.owner),
        "description": "",
        "external_url": "https://onceover.example",
        "html_url": f"{world.url}/apps/{one.slug}",
        "created_at": instant(one.created_at),
        "updated_at": instant(one.created_at),
        "permissions": dict(one.permissions),
        "events": sorted(one.events),
        "installations_count": sum(installation.app is one for installation in world.installations),
    }


def installation(world: World, one: Installation) -> Json:
    """Give an `installation`."""
    api = f"{world.url}/app/installations/{one.id}"
    return {
        "id": one.id,
        "client_id": one.app.client_id,
        "account": user(world, one.account),
        "repository_selection": "all" if one.repository_ids is None else "selected",
        "access_tokens_url": f"{api}/access_tokens",
        "repositories_url": f"{world.url}/installation/repositories",
        "html_url": f"{world.url}/settings/installations/{one.id}",
        "app_id": one.app.id,
        "app_slug": one.app.slug,
        "target_id": one.account.id,
        "target_type": one.account.type,
        "permissions": dict(one.permissions),
        "events": sorted(one.app.events),
        "created_at": instant(one.created_at),
        "updated_at": instant(one.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None if one.suspended_at is None else user(world, one.account),
        "suspended_at": instant(one.suspended_at),
    }


def repository(world: World, one: Repository) -> Json:
    """Give a `full-repository`; the smaller forms are parts of it."""
    api = f"{world.url}/repos/{one.full_name}"
    page = f"{world.url}/{one.full_name}"
    is_open = sum(pull.state == "open" for pull in one.pulls.values())
    return {
        "id": one.id,
        "node_id": node_id("Repository", one.id),
        "name": one.name,
        "full_name": one.full_name,
        "private": one.private,
        "visibility": "private" if one.private else "public",
        "owner": user(world, one.owner),
        "html_url": page,
        "description": None,
        "fork": one.parent is not None,
        "url": api,
        **{name: api + rest for name, rest in REPOSITORY_URLS.items()},
        "clone_url": f"{page}.git",
        "git_url": f"{page}.git",
        "ssh_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "default_branch": one.default_branch,
        "created_at": instant(one.created_at),
        "updated_at": instant(one.created_at),
        "pushed_at": instant(one.created_at),
        **dict.fromkeys(("has_issues", "has_wiki", "has_downloads"), True),
        **dict.fromkeys(("has_projects", "has_pages", "has_discussions", "archived", "disabled"), False),
        **dict.fromkeys(("forks", "forks_count", "stargazers_count", "watchers", "watchers_count", "size"), 0),
        **dict.fromkeys(("network_count", "subscribers_count"), 0),
        "open_issues": is_open,
        "open_issues_count": is_open,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
    }


def hook(one: App) -> Json:
    """Give an App's webhook, as a ping shows it."""
    return {
        "type": "App",
        "id": one.hook_id,
        "name": "web",
        "active": True,
        "app_id": one.id,
        "events": sorted(one.events),
        "config": {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": one.webhook_url},
        "created_at": instant(one.created_at),
        "updated_at": instant(one.created_at),
    }


def delivery_item(delivery: Delivery) -> Json:
    """Give a `hook-delivery-item`."""
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": instant(delivery.delivered_at),
        "redelivery": delivery.redelivery,
        "duration": 0.01,
        "status": "OK" if delivery.is_success else f"Invalid HTTP Response: {delivery.status_code}",
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation_id,
        "repository_id": delivery.repository_id,
        "throttled_at": None,
    }


def delivery(one: Delivery) -> Json:
    """Give a `hook-delivery`, with what was sent and answered."""
    return {
        **delivery_item(one),
        "url": one.app.webhook_url or "",
        "request": {"headers": one.headers, "payload": one.payload},
        "response": {"headers": {}, "payload": one.answer},
    }
