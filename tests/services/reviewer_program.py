"""A reviewer process, as far as its secrets go: asks the desk for a token, fetches a commit, reads a file of it.

Run as `python -m tests.services.reviewer_program ROOT CLONE_URL SHA`, with the settings in the environment as a worker
has them. Prints the file and the modules it has loaded, as JSON.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from pydantic import SecretStr
from redis.asyncio import Redis

from pipeline.services.desk_tokens import DeskTokens
from pipeline.services.github.place import Place
from pipeline.services.mirrors import Mirrors
from pipeline.services.sealing import Sealer


async def main(root: Path, clone_url: str, sha: str) -> None:
    """Do what the stages of a review do first."""
    shop = Place(installation=7, repository="acme/shop", repository_id=101)
    sealer = Sealer(SecretStr(os.environ["ONCEOVER_SECRET_KEY"]))
    async with Redis.from_url(os.environ["ONCEOVER_REDIS_URL"]) as redis:
        tokens = DeskTokens(redis, sealer).for_run("r_1")
        git = await Mirrors(root, clone_url=lambda _: clone_url, tokens=tokens).holding(shop, [sha])
    content = await git.read_blob(sha, "a", bytes_max=1_000)
    assert isinstance(content, bytes), content
    sys.stdout.write(json.dumps({"content": content.decode(), "modules": sorted(sys.modules)}))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
