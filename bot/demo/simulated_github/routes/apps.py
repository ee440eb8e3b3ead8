"""Routes of the App itself: who it is, its installations, its tokens and its delivery log."""

from collections.abc import Mapping, Sequence

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath
from pydantic import BaseModel

from bot.demo.simulated_github.accounts import Installation, Level, make_token
from bot.demo.simulated_github.call import Call
from bot.demo.simulated_github.refusals import Refusal, not_found
from bot.demo.simulated_github.repositories import Repository
from bot.demo.simulated_github.shapes import accounts
from bot.demo.simulated_github.world import Delivery

DELIVERY_PAGE_DEFAULT = 30
DELIVERY_PAGE_MAX = 100


class TokenRequest(BaseModel):
    """How a token is narrowed."""

    repository_ids: Sequence[int] | None = None
    repositories: Sequence[str] | None = None
    permissions: Mapping[str, Level] | None = None


class HookConfig(BaseModel):
    """What to change of an App's webhook."""

    url: str | None = None
    secret: str | None = None


@get("/app")
async def read_app(request: Call) -> Response[object]:
    """Tell an App about itself."""
    return Response(accounts.app(request.world, request.as_app()))


@get("/app/installations")
async def list_installations(request: Call) -> Response[object]:
    """List where an App is installed."""
    app = request.as_app()
    mine = [one for one in request.world.installations if one.app is app]
    return request.paged(mine, lambda one: accounts.installation(request.world, one))


@get("/app/installations/{number:int}")
async def read_installation(request: Call, number: FromPath[int]) -> Response[object]:
    """Tell about one installation."""
    return Response(accounts.installation(request.world, _installation(request, number)))


@get("/repos/{owner:str}/{name:str}/installation")
async def read_repository_installation(request: Call, owner: FromPath[str], name: FromPath[str]) -> Response[object]:
    """Find the App's installation on a repository."""
    app = request.as_app()
    repository = request.world.find(f"{owner}/{name}")
    found = (
        None
        if repository is None
        else next((one for one in request.world.installations if one.app is app and _covers(one, repository)), None)
    )
    if found is None:
        raise not_found()
    return Response(accounts.installation(request.world, found))


@post("/app/installations/{number:int}/access_tokens")
async def create_token(request: Call, number: FromPath[int]) -> Response[object]:
    """Mint a token, for fewer repositories and permissions if so asked; never for more."""
    installation = _installation(request, number)
    if installation.suspended_at is not None:
        raise Refusal(403, "This installation has been suspended")
    asked = await request.read(TokenRequest)
    chosen = _chosen(request, installation, asked)
    permissions = _narrowed(installation, asked)
    ids = None if chosen is None else [one.id for one in chosen]
    token = make_token(installation, permissions, ids, request.world.now())
    request.world.tokens[token.value] = token
    content: dict[str, object] = {
        "token": token.value,
        "expires_at": accounts.instant(token.expires_at),
        "permissions": dict(permissions),
        "repository_selection": "all" if installation.repository_ids is None and chosen is None else "selected",
    }
    if chosen is not None:
        content["repositories"] = [accounts.repository(request.world, one) for one in chosen]
    return Response(content, status_code=201)


@get("/installation/repositories")
async def list_repositories(request: Call) -> Response[object]:
    """List what an installation token may see."""
    token = request.installation_token()
    seen = [one for one in request.world.living() if token.covers(one.id, one.owner.id)]
    return request.paged(seen, lambda one: accounts.repository(request.world, one), "repositories")


@delete("/installation/token", status_code=204)
async def revoke_token(request: Call) -> None:
    """Forget the token that asks."""
    del request.world.tokens[request.installation_token().value]


@get("/app/hook/config")
async def read_hook_config(request: Call) -> Response[object]:
    """Tell where webhooks go; the secret does not show."""
    return Response(accounts.hook(request.as_app())["config"])


@patch("/app/hook/config")
async def change_hook_config(request: Call) -> Response[object]:
    """Let webhooks go elsewhere, or be signed with another secret."""
    app, asked = request.as_app(), await request.read(HookConfig)
    app.webhook_url = asked.url or app.webhook_url
    app.webhook_secret = asked.secret or app.webhook_secret
    return Response(accounts.hook(app)["config"])


@get("/app/hook/deliveries")
async def list_deliveries(request: Call) -> Response[object]:
    """List deliveries, the newest first; `cursor` is the id to go on below."""
    app = request.as_app()
    size = min(request.number("per_page", DELIVERY_PAGE_DEFAULT), DELIVERY_PAGE_MAX)
    below = request.number("cursor", 0)
    wanted = request.query_params.get("status")
    kept = [
        one
        for one in reversed(request.world.deliveries)
        if one.app is app
        and (not below or one.id < below)
        and (wanted is None or one.is_success == (wanted == "success"))
    ]
    headers = {}
    if len(kept) > size:
        rest = f"&status={wanted}" if wanted else ""
        url = f"{request.world.url}/app/hook/deliveries?per_page={size}&cursor={kept[size - 1].id}{rest}"
        headers["Link"] = f'<{url}>; rel="next"'
    return Response([accounts.delivery_item(one) for one in kept[:size]], headers=headers)


@get("/app/hook/deliveries/{number:int}")
async def read_delivery(request: Call, number: FromPath[int]) -> Response[object]:
    """Tell what was sent and answered."""
    return Response(accounts.delivery(_delivery(request, number)))


@post("/app/hook/deliveries/{number:int}/attempts")
async def redeliver(request: Call, number: FromPath[int]) -> Response[object]:
    """Send a delivery again, after this answer."""
    delivery = _delivery(request, number)
    request.courier.later(request.courier.again(delivery))
    return Response({}, status_code=202)


def _installation(request: Call, number: int) -> Installation:
    app = request.as_app()
    for one in request.world.installations:
        if one.id == number and one.app is app:
            return one
    raise not_found()


def _delivery(request: Call, number: int) -> Delivery:
    app = request.as_app()
    for one in request.world.deliveries:
        if one.id == number and one.app is app:
            return one
    raise not_found()


def _covers(installation: Installation, repository: Repository) -> bool:
    ids = installation.repository_ids
    return installation.account is repository.owner and (ids is None or repository.id in ids)


def _chosen(request: Call, installation: Installation, asked: TokenRequest) -> list[Repository] | None:
    if asked.repository_ids is None and asked.repositories is None:
        return None
    ids, names = set(asked.repository_ids or ()), set(asked.repositories or ())
    covered = [one for one in request.world.living() if _covers(installation, one)]
    chosen = [one for one in covered if one.id in ids or one.name in names]
    if len(chosen) < len(ids | names):
        raise Refusal(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        )
    return chosen


def _narrowed(installation: Installation, asked: TokenRequest) -> dict[str, Level]:
    if asked.permissions is None:
        return dict(installation.permissions)
    for name, level in asked.permissions.items():
        if installation.permissions.get(name) not in {"write", level}:
            raise Refusal(422, "The permissions requested are not granted to this installation.")
    return {"metadata": "read", **asked.permissions}


HANDLERS = [
    read_app,
    list_installations,
    read_installation,
    read_repository_installation,
    create_token,
    list_repositories,
    revoke_token,
    read_hook_config,
    change_hook_config,
    list_deliveries,
    read_delivery,
    redeliver,
]
