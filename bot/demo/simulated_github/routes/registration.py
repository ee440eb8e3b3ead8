"""Routes of App registration by manifest, and of what GitHub says about itself.

The manifest flow (D): a browser posts the manifest to `/settings/apps/new?state=`, the user agrees, GitHub sends the
browser to `redirect_url?code=&state=`, and whoever has the code turns it into credentials, once, within the hour.
"""

import html
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from litestar import MediaType, Response, get, post
from litestar.params import FromPath
from pydantic import BaseModel, ValidationError

from bot.demo.simulated_github.accounts import OWNER_LOGIN, Level
from bot.demo.simulated_github.call import Call
from bot.demo.simulated_github.refusals import Refusal, not_found
from bot.demo.simulated_github.shapes import accounts
from bot.demo.simulated_github.world import ManifestCode

CODE_SECONDS: Final = 3600
"""How long a manifest code can be turned into credentials."""

LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - Refused, not listened on.
"""Hook addresses that GitHub refuses."""

NEW_APP: Final = ["/settings/apps/new", "/organizations/{owner:str}/settings/apps/new"]


class HookAttributes(BaseModel, extra="forbid"):
    """Where webhooks go. GitHub makes the secret: one sent along is refused."""

    url: str
    active: bool = True


class Manifest(BaseModel):
    """What an App is to be."""

    name: str | None = None
    url: str
    hook_attributes: HookAttributes | None = None
    redirect_url: str
    callback_urls: Sequence[str] = ()
    setup_url: str | None = None
    description: str | None = None
    public: bool = False
    default_events: Sequence[str] = ()
    default_permissions: Annotated[Mapping[str, Level], "name to level"] = {}


@get(NEW_APP)
async def show_new_app() -> Response[str]:
    """Show the page on which one would fill in an App by hand."""
    return _page("Register new GitHub App", '<form method="post"><input name="manifest"></form>')


@post(NEW_APP)
async def offer_app(request: Call) -> Response[str]:
    """Take a manifest and show the one button that agrees to it."""
    form = parse_qs((await request.body()).decode())
    try:
        manifest = Manifest.model_validate_json(form.get("manifest", ["{}"])[0])
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(str(part) for part in wrong["loc"])
        words = f'"{wrong["loc"][-1]}" wasn\'t supplied' if wrong["type"] == "missing" else f"{place}: {wrong['msg']}"
        return _page("Invalid GitHub App configuration", html.escape(words), status=422)
    if manifest.hook_attributes and urlsplit(manifest.hook_attributes.url).hostname in LOCAL_HOSTS:
        words = "Hook url is not supported because it isn't reachable over the public Internet"
        return _page("Invalid GitHub App configuration", words, status=422)
    code = _register(request, manifest)
    query = {"code": code, **{name: value for name, value in request.query_params.items() if name == "state"}}
    target = html.escape(f"{manifest.redirect_url}?{urlencode(query)}")
    return _page("Create GitHub App", f'<a id="create" href="{target}">Create GitHub App</a>')


@post("/app-manifests/{code:str}/conversions")
async def convert_manifest(request: Call, code: FromPath[str]) -> Response[object]:
    """Turn a code into credentials, once."""
    registered = request.world.manifest_codes.pop(code, None)
    if registered is None or registered.made_at + timedelta(seconds=CODE_SECONDS) < request.world.now():
        raise not_found()
    app = registered.app
    private = {
        "client_secret": app.client_secret,
        "webhook_secret": app.webhook_secret,
        "pem": app.private_key,
    }
    return Response({**accounts.app(request.world, app), **private}, status_code=201)


@get(["/apps/{slug:str}", "/apps/{slug:str}/installations/new"])
async def show_app(request: Call, slug: FromPath[str]) -> Response[object]:
    """Show an App: JSON for programs, a page for browsers."""
    app = next((one for one in request.world.apps if one.slug == slug), None)
    if app is None:
        raise not_found()
    if "html" in request.headers.get("accept", ""):
        return Response(f"<h1>Install {html.escape(app.name)}</h1>", media_type=MediaType.HTML)
    return Response(accounts.app(request.world, app))


@get("/users/{login:str}")
async def read_user(request: Call, login: FromPath[str]) -> Response[object]:
    """Tell about a user, such as an App's own bot."""
    if login not in request.world.accounts:
        raise not_found()
    account = request.world.account(login)
    since = accounts.instant(request.world.instant())
    nothing = dict.fromkeys(("name", "company", "email", "location", "bio", "hireable", "twitter_username"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    dates = {"created_at": since, "updated_at": since}
    return Response({**accounts.user(request.world, account), **nothing, "blog": "", **counts, **dates})


@get("/meta")
async def read_meta() -> Response[object]:
    """Say where webhooks come from."""
    return Response({"verifiable_password_authentication": False, "hooks": ["127.0.0.1/32"], "api": ["127.0.0.1/32"]})


@get("/rate_limit")
async def read_rate_limit(request: Call) -> Response[object]:
    """Say how many requests are left; asking costs none."""
    request.world.used_requests -= 1
    limit, used = request.world.rate_limit_max, request.world.used_requests
    reset = int(request.world.now().timestamp()) + CODE_SECONDS
    core = {"limit": limit, "remaining": limit - used, "reset": reset, "used": used, "resource": "core"}
    return Response({"resources": {"core": core, "search": core}, "rate": core})


@get("/")
async def read_root(request: Call) -> Response[object]:
    """List the first addresses, as the API's root does."""
    return Response({"current_user_url": f"{request.world.url}/user", "repository_url": f"{request.world.url}/repos"})


def _register(request: Call, manifest: Manifest) -> str:
    owner = request.path_params.get("owner", OWNER_LOGIN)
    name = manifest.name or f"app-{len(request.world.apps) + 1}"
    slug = name.lower().replace(" ", "-")
    if any(one.slug == slug for one in request.world.apps):
        raise Refusal(422, "Name is already taken")
    app = request.world.make_app(slug, name, request.world.account(owner))
    app.permissions = {"metadata": "read", **manifest.default_permissions}
    app.events = set(manifest.default_events)
    app.webhook_url = manifest.hook_attributes.url if manifest.hook_attributes else None
    code = secrets.token_hex(20)
    request.world.manifest_codes[code] = ManifestCode(app=app, made_at=request.world.now())
    return code


def _page(title: str, body: str, status: int = 200) -> Response[str]:
    text = f"<!doctype html><title>{title}</title><h1>{title}</h1>{body}"
    return Response(text, status_code=status, media_type=MediaType.HTML)


HANDLERS = [
    show_new_app,
    offer_app,
    convert_manifest,
    show_app,
    read_user,
    read_meta,
    read_rate_limit,
    read_root,
]
