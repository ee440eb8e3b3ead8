"""What is published of the configuration: `python -m tests.review.configuration.published` writes it anew."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pipeline.review.configuration as package
from pipeline.review.configuration import decision
from pipeline.review.configuration.model import Configuration
from pipeline.review.configuration.problem import dotted
from pipeline.review.configuration.schema import Setting, schema_text, settings
from pipeline.review.configuration.yaml_tree import FILE_BYTES_MAX

ROOT: Final = Path(__file__).parents[3]
SCHEMA: Final = Path(package.__file__).parent / "onceover.v1.schema.json"
PAGE: Final = ROOT / "docs" / "configuration.md"
EXAMPLE: Final = ROOT / "docs" / "examples" / "onceover.yml"

INTRODUCTION: Final = f"""# Configuration of a repository

A repository says how it wants to be reviewed in `.github/onceover.yml`. Every setting has a default, so it may do
without. [An example](examples/onceover.yml) shows the usual ones.

- **Which file counts.** The one at the head of the *base* branch, never the one of the pull request: nobody changes the
  rules of the review by the change under review.
- **An organisation's defaults** stand in the same file of its `.github` repository. The repository's own file wins, key
  by key; a list counts as one value.
- **A file with a problem does not count**, as a whole: the defaults apply, and the review tells the problem with line
  and column.
- **The operator's limits win.** A larger value is lowered, and the review says so.
- **Form.** YAML 1.2 in UTF-8, at most {FILE_BYTES_MAX:,} bytes, without tags, anchors, aliases and keys that stand
  twice. `true` and `false` are the truth values; `on`, `yes`, `no` are words. A key without a value counts as not
  written.
- **What cannot be set.** No address, no key, no shell string; nothing is fetched, included or expanded. The author of a
  pull request is never mentioned.

Before you merge a change, `onceover config check` tells what is wrong:

```console
$ onceover config check
.github/onceover.yml:3:12: `review.fail_on` is the text `hihg`; expected `critical`, `high`, `medium`, `low`, `info` or
`never`. Did you mean `high`?
      fail_on: hihg
               ^
```

It ends with 0 if the file is fine, 3 if it is not, 2 if there is none; `--json` makes it readable for programs.
`onceover config show` tells the value of every setting that holds, and where it comes from. Editors help while you
write if the first line names the schema, which `onceover config schema > .github/onceover.v1.schema.json` writes:

```yaml
# yaml-language-server: $schema=onceover.v1.schema.json
```

Globs (labels, authors, branches): `*` is any text without `/`, `**` any text, `?` one character but `/`; brackets are
themselves, as in `dependabot[bot]`. Capitals count for branches only. Paths are patterns as in `.gitignore`.
"""


def published() -> Mapping[Path, str]:
    """Give the files as they have to be."""
    return {SCHEMA: schema_text(), PAGE: page()}


def page() -> str:
    """Write the page of all settings."""
    top = [setting for setting in settings() if len(setting.path) == 1]
    tables = [*_table("Pausing", "Nothing is reviewed while it lasts.", top)]
    for name, field in Configuration.model_fields.items():
        below = [setting for setting in settings() if setting.path[0] == name and len(setting.path) > 1]
        if below:
            tables += _table(f"`{name}`", field.description or "", below)
    return "\n".join([INTRODUCTION, "## Settings", "", *tables, *_when(), ""])


def _table(title: str, about: str, found: list[Setting]) -> Iterator[str]:
    yield from (f"### {title}", "", about, "")
    yield from ("| setting | form | default | meaning |", "| --- | --- | --- | --- |")
    for setting in found:
        yield f"| `{dotted(setting.path)}` | {setting.form} | `{setting.default}` | {setting.meaning} |"
    yield ""


def _when() -> Iterator[str]:
    """Tell when a pull request is reviewed, by the table of the module that decides."""
    yield from ("## When a pull request is reviewed", "")
    told = re.search(r"^\*By itself\*.*", decision.__doc__ or "", re.MULTILINE | re.DOTALL)
    yield (told[0] if told else "").strip()


if __name__ == "__main__":
    for path, text in published().items():
        path.write_text(text, encoding="utf-8")
