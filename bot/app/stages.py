"""Stages: what the roles of the App execute, joined to their clients."""

from collections.abc import Callable, Mapping
from functools import partial

from bot.app.clients import Reader, Writer
from bot.app.inbox import CommandEngine
from bot.assembly import INDEXES_NAME, Resources, docs_params, review_params, with_base
from bot.sandbox import limits_of, sandbox_of
from bot.settings_tree import Settings
from pipeline.engine.effects import Effects
from pipeline.engine.stage import JsonValue, StageFunction
from pipeline.engine.store import Store
from pipeline.review.configuration.ceilings import Ceilings
from pipeline.review.configuration.model import Configuration
from pipeline.services.git import open_git
from pipeline.stages import analyze, docs, summarize
from pipeline.stages.checks import changed_lines, make_checks
from pipeline.stages.obey import Servant, make_obey
from pipeline.stages.planned import planned
from pipeline.stages.prepare import Operator, make_prepare
from pipeline.stages.publish import Publisher, make_publish
from pipeline.stages.queue import Gate, make_queue
from pipeline.stages.sandboxed import Ground, make_sandboxed
from pipeline.stages.upkeep import make_upkeep


def ceilings_of(settings: Settings) -> Ceilings:
    """Say what a repository may ask for at most."""
    return Ceilings(
        depth_max=settings.review.depth_max,
        sandbox=settings.sandbox.backend != "off",
        command_seconds_max=settings.trial.seconds_max,
    )


def reviewer_stages(reader: Reader, resources: Resources, store: Store) -> Mapping[str, StageFunction]:
    """Make the stages of who reads what strangers wrote."""
    read = analyze.make_analyze(
        git=open_git,
        analyzers=resources.analyzers,
        model=resources.model,
        readings=resources.readings,
        documentation=resources.documentation,
    )
    explain = docs.make_docs(
        git=open_git,
        indexes=resources.state_directory / INDEXES_NAME,
        model=resources.model,
        embeddings=resources.embeddings,
    )
    return {
        "prepare": make_prepare(
            github=reader.of_run,
            notes=store,
            operator=Operator(ceilings=ceilings_of(resources.settings), params=partial(_params, resources)),
        ),
        "analyze": planned("analyze", read, reader.clone),
        "test": planned("test", _tests(reader, resources)),
        "docs": planned("docs", explain, reader.clone),
        "summarize": planned("summarize", summarize.make_summarize(model=resources.model)),
    }


def _tests(reader: Reader, resources: Resources) -> StageFunction:
    settings = resources.settings
    checks = make_checks(
        github=reader.of_run,
        app_id=settings.github.app_id,
        changes=changed_lines(reader.holding),
        now=lambda: reader.caller.clock.now().timestamp(),
    )
    ground = Ground(
        sandbox=sandbox_of(settings, resources.environ),
        limits=limits_of(settings),
        holding=reader.holding,
        trials=resources.state_directory / "sandboxed",
    )
    return with_base(resources, make_sandboxed(ground, otherwise=checks))


def publisher_stages(
    writer: Writer, store: Store, engine: CommandEngine, *, ceilings: Ceilings, now_ms: Callable[[], int]
) -> Mapping[str, StageFunction]:
    """Make the stages of who writes."""
    effects = partial(Effects.of, store)
    publisher = Publisher(github=writer.github, ledger=store, effects=effects, author=writer.author)
    servant = Servant(
        github=writer.github,
        engine=engine,
        records=store,
        effects=effects,
        author=writer.author,
        ceilings=ceilings,
        now_ms=now_ms,
    )
    return {
        "comment": make_publish(publisher),
        "obey": make_obey(servant),
        "queue": make_queue(Gate(github=writer.github, effects=effects, app_id=writer.app_id)),
        "upkeep": make_upkeep(store, engine.graphs.all.roles),
    }


def _params(resources: Resources, configuration: Configuration) -> Mapping[str, JsonValue]:
    """Write what the five stages read: the operator's settings, as far as the repository does not choose."""
    review, tests = configuration.review, configuration.test
    params = review_params(resources, test_command=None, junit=None, fail_on=review.fail_on, depth=review.depth)
    analysis = params["analysis"]
    assert isinstance(analysis, dict)  # noqa: S101 - `review_params` writes it so.
    analysis |= {
        "analyzers": list(review.analyzers),
        "at_hand": [name for name in _names(analysis.get("at_hand")) if name in review.analyzers],
        "ignore": list(configuration.filters.ignore),
        "findings_max": review.findings_max,
        "guidelines": review.guidelines,
        "language": review.language,
    }
    return params | {
        "testing": {
            "source": tests.source,
            "wait_minutes_max": tests.wait_minutes_max,
            "required_checks_only": tests.required_checks_only,
            "command": list(tests.command),
            "junit": tests.junit,
            "seconds_max": tests.seconds_max,
            "forks": tests.forks,
        },
        "docs": docs_params(
            resources,
            passages_max=configuration.docs.passages_max,
            paths=configuration.docs.paths,
            depth=review.depth,
        ),
        "comment": {"fail_on": review.fail_on, **configuration.comment.model_dump(mode="json")},
    }


def _names(value: JsonValue) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
