"""SASRec, a causal transformer (Kang and McAuley, 2018): ADRec's first stage, and a recommender of its own.

Legend: B users, L positions, D width, V items; M tokens in R rows of W columns (`adrec.nn.packing`).
"""

from functools import partial

import torch
from torch import Tensor, nn

from adrec.config import Model as ModelConfig
from adrec.nn import losses
from adrec.nn.batches import Batch
from adrec.nn.packing import Layout
from adrec.nn.transformer import Encoder
from adrec.recommenders.base import EmbeddingNetwork, HistoryEncoder


class SASRec(EmbeddingNetwork):
    """By default without positions, as ADRec's first stage runs it."""

    def __init__(self, config: ModelConfig, num_items: int) -> None:
        super().__init__(config, num_items)
        self.norm = nn.LayerNorm(config.dimension)
        self.encoder = Encoder(config.encoder_blocks, config.dimension, config.heads, config.dropout)
        self.apply(partial(_normal, std=config.initial_std))

    def forward(self, items_M: Tensor, layout: Layout) -> Tensor:
        """Output vectors [R, W, D], each the prediction of the item that follows."""
        x_RWD = self.dropout(self.norm(self.embed(layout.rows(items_M), layout)))
        return self.encoder(x_RWD, self.padding.over_rows(layout))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The cross-entropy of the next items."""
        x_MD = batch.layout.tokens(self(batch.items_M, batch.layout))
        first, (_, weight) = self.padding.first_candidate, batch.every(1)
        return {"ce": losses.next_item(x_MD, batch.targets_M - first, self.item_embedding.weight[first:]) * weight}

    def prepared(self) -> HistoryEncoder:
        """The output at each history's last item."""
        return self._last

    @torch.no_grad()
    def _last(self, items_BL: Tensor, lengths_B: Tensor) -> Tensor:
        assert not self.training
        layout, items_M = self.pack_histories(items_BL, lengths_B)
        return layout.ends(self(items_M, layout))


def _normal(module: nn.Module, std: float) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=std)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
