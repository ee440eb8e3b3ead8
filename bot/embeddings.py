"""Embeddings: the client of the embedding model that the settings name, opened when it is asked.

Promises that nobody loads the openai package (0.6 s) who embeds nothing. A connection lasts for one call: a run makes
five at most, and most none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from bot.model_catalogue import open_catalogue
from bot.settings_tree import ModelSettings

if TYPE_CHECKING:
    from pipeline.services.llm import Listener
    from pipeline.services.llm_embeddings import Embedded


@dataclass(frozen=True, slots=True)
class EmbeddingsOnDemand:
    """An embedding model that is not connected to until it is asked. Implements the stage's `Embeddings`."""

    settings: ModelSettings
    listener: "Listener | None" = None

    async def embed(self, texts: Sequence[str], *, request_id: str | None = None) -> "Embedded":
        """Turn texts into vectors; see `pipeline.services.llm_embeddings`."""
        from pipeline.services.llm_embeddings import EmbeddingSettings, OpenAiEmbeddings  # noqa: PLC0415 - heavy

        chosen = self.settings
        asked = EmbeddingSettings(
            model=chosen.embedding_name or "",
            api_key=chosen.api_key or SecretStr(""),
            base_url=str(chosen.base_url) if chosen.base_url else None,
            catalogue=open_catalogue(chosen.models_file),
        )
        async with OpenAiEmbeddings(asked, listener=self.listener) as client:
            return await client.embed(texts, request_id=request_id)


def embeddings_of(settings: ModelSettings, listener: "Listener | None" = None) -> EmbeddingsOnDemand | None:
    """Give the client; None if the settings name no embedding model."""
    return EmbeddingsOnDemand(settings, listener) if settings.embedding_name else None
