"""What is sent, and what is read, agrees with GitHub's own description of its API (npm `@octokit/openapi`)."""

import json
import re
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # It ships no types, and its stubs are not among our dependencies.
import pytest

from pipeline.services.github.endpoints import ENDPOINTS, Endpoint
from tests.npm_package import npm_package, packed_file
from tests.services.github.cases import CASES, Case
from tests.services.github.small_github import REPO, Says, small_github

VERSION = "23.0.2"
SHA256 = "71a18407dd5e8464f4e0525daf03deabbe65abd9287d6adc7b5d98f516cd0d0c"


class Description:
    """GitHub's description of one host."""

    def __init__(self, host: str) -> None:
        package = npm_package("@octokit/openapi", VERSION, sha256=SHA256)
        self.whole = json.loads(packed_file(package, f"generated/{host}.json"))

    def resolve(self, node: Any) -> Any:  # noqa: ANN401 - whichever node.
        """Follow a reference."""
        while "$ref" in node:
            found = self.whole
            for name in node["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            node = found
        return node

    def operation(self, endpoint: Endpoint) -> Any:  # noqa: ANN401 - a free node.
        """Find an operation."""
        return self.whole["paths"][endpoint.template][endpoint.method.lower()]

    def query_names(self, endpoint: Endpoint) -> set[str]:
        """List the parameters that may stand in the query."""
        parameters = [self.resolve(one) for one in self.operation(endpoint).get("parameters", [])]
        return {one["name"] for one in parameters if one["in"] == "query"}

    def body_schema(self, endpoint: Endpoint) -> Any:  # noqa: ANN401 - a free node.
        """Find the schema of the request's body, if it has one."""
        content = self.operation(endpoint).get("requestBody", {}).get("content", {})
        return content.get("application/json", {}).get("schema")

    def example(self, endpoint: Endpoint) -> Any:  # noqa: ANN401 - a free node.
        """Find an example of a success."""
        for status, response in self.operation(endpoint)["responses"].items():
            examples = self.resolve(response).get("content", {}).get("application/json", {}).get("examples", {})
            if status.startswith("2") and examples:
                return self.resolve(next(iter(examples.values())))["value"]
        return None


@pytest.fixture(scope="module", params=["api.github.com", "ghes-3.17"])
def description(request: pytest.FixtureRequest) -> Description:
    return Description(request.param)


def endpoint_of(case: Case) -> Endpoint:
    """Find the table's entry for what a case sends; a fixed segment counts more than a free one."""
    fitting = [one for one in ENDPOINTS if re.fullmatch(f"{one.method} {_shape(one.template)}", case.route)]
    return min(fitting, key=lambda one: one.template.count("{"))


def _shape(template: str) -> str:
    free = template.replace("/repos/{owner}/{repo}", REPO)
    return re.sub(r"\{(\w+)\}", lambda name: ".+" if name[1] == "path" else "[^/]+", free)


def test_every_endpoint_is_there(description: Description) -> None:
    for endpoint in ENDPOINTS:
        assert endpoint.method.lower() in description.whole["paths"][endpoint.template], endpoint


def test_everything_but_the_apps_own_is_open_to_installations(description: Description) -> None:
    own = ("/app", "/repos/{owner}/{repo}/installation")

    for endpoint in ENDPOINTS:
        if not endpoint.template.startswith(own):
            assert description.operation(endpoint)["x-github"]["enabledForGitHubApps"], endpoint


def test_what_is_asked_is_what_can_be_asked(description: Description) -> None:
    for case in CASES:
        assert set(case.query) <= description.query_names(endpoint_of(case)), case.route


def test_every_body_fits(description: Description) -> None:
    components = {"components": description.whole["components"]}
    bodies = [(case, description.body_schema(endpoint_of(case))) for case in CASES if case.sent is not None]

    assert len(bodies) >= 10
    for case, schema in bodies:
        jsonschema.validate(case.sent, {**schema, **components})
        assert set(case.sent) <= set(schema["properties"]) | {"status", "conclusion"}, case.route


async def test_github_s_own_examples_can_be_read(description: Description) -> None:
    examples = {case.route: description.example(endpoint_of(case)) for case in CASES}
    read = {route: Says(body=example) for route, example in examples.items() if example is not None}

    assert len(read) > 20
    async with small_github(read) as world:
        for case in CASES:
            if case.route in read:
                await case.call(world)
