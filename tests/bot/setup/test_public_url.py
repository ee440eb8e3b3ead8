"""Public URL and hosts: where GitHub reaches us, and where we reach GitHub."""

import pytest

from bot.setup.hosts import GitHubHost, api_url_of, web_url_of
from bot.setup.public_url import NoPublicUrl, check_public_url

PUBLIC = GitHubHost(web_url="https://github.com", api_url="https://api.github.com")
CORPORATE = GitHubHost(web_url="https://github.corp", api_url="https://github.corp/api/v3")


@pytest.mark.parametrize(
    ("web", "api"),
    [
        ("https://github.com", "https://api.github.com"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://github.corp:8443", "https://github.corp:8443/api/v3"),
    ],
)
def test_pages_and_api_of_a_github_follow_from_each_other(web: str, api: str) -> None:
    assert api_url_of(web) == api
    assert web_url_of(api) == web


@pytest.mark.parametrize(
    "url", ["https://onceover.example/", "http://onceover.example:8080", "https://example.org/bots/"]
)
def test_an_address_that_the_internet_reaches_is_taken_without_its_last_slash(url: str) -> None:
    assert check_public_url(url, PUBLIC, port=8080) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080",
        "http://app.localhost",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "http://0.0.0.0",
        "http://169.254.1.1",
        "http://192.168.1.7",
        "http://buildserver:8080",
        "http://10.0.0.7",
    ],
)
def test_an_address_that_github_cannot_reach_is_refused_with_a_way_out(url: str) -> None:
    with pytest.raises(
        NoPublicUrl, match=r"GitHub cannot deliver to .*cloudflared tunnel --url http://127\.0\.0\.1:8080"
    ):
        check_public_url(url, PUBLIC, port=8080)


def test_a_server_in_the_same_network_may_reach_a_private_address_but_never_localhost() -> None:
    for url in ("http://10.0.0.7:8080", "http://buildserver"):
        assert check_public_url(url, CORPORATE, port=8080) == url

    with pytest.raises(NoPublicUrl, match="localhost is this machine for us"):
        check_public_url("http://localhost:8080", CORPORATE, port=8080)


@pytest.mark.parametrize(
    "url",
    [
        "onceover.example",
        "ftp://onceover.example",
        "https://",
        "https://ann:pw@onceover.example",
        "https://onceover.example/?a=b",
        "https://onceover.example/#a",
        "https://onceover.example:port",
        "https://[::1",
        "https://a b",
        "https://onceover.example/\x1b[31m",
        "https://ünceover.example",
    ],
)
def test_what_is_no_public_url_is_refused(url: str) -> None:
    with pytest.raises(NoPublicUrl, match="is no public URL") as caught:
        check_public_url(url, PUBLIC, port=8080)

    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("url", [None, ""])
def test_without_an_address_it_is_said_how_to_get_one(url: str | None) -> None:
    with pytest.raises(NoPublicUrl, match=r"there is no public URL.*--url.*ONCEOVER_PUBLIC_URL.*ngrok http 8080"):
        check_public_url(url, PUBLIC, port=8080)
