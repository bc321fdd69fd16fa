"""What must every recommender do?

Legend: B users, L positions, D width, V items; M tokens in R rows of W columns (`adrec.nn.packing`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from adrec.config import Model as ModelConfig
from adrec.data.histories import Histories
from adrec.nn.batches import Batch
from adrec.nn.dropout import Dropout
from adrec.nn.packing import Layout
from adrec.nn.padding import PADDINGS
from adrec.nn.positions import POSITIONS

# Scores [B, V] of items 1..V (column item - 1), given histories and the indices [B] of the users wanted.
Scorer = Callable[[Histories, np.ndarray], Tensor]

# Of item numbers [B, L], right-padded with 0, and the lengths [B] of the histories: one vector for each, [B, D].
HistoryEncoder = Callable[[Tensor, Tensor], Tensor]


class EmbeddingNetwork(nn.Module, ABC):
    """A network whose vectors rank the catalogue by their inner products with the item embeddings."""

    def __init__(self, config: ModelConfig, num_items: int) -> None:
        super().__init__()
        self.item_embedding = nn.Embedding(num_items + 1, config.dimension, padding_idx=0)
        self.positions = POSITIONS[config.positions](config.max_length, config.dimension)
        self.dropout = Dropout(config.embedding_dropout)
        self.padding = PADDINGS[config.attention](config.max_length)

    @abstractmethod
    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Named scalar losses of a batch; training minimises their sum."""

    @abstractmethod
    def prepared(self) -> HistoryEncoder:
        """What represents histories by this network as it is now, in evaluation mode."""

    def represent(self, items_BL: Tensor, lengths_B: Tensor) -> Tensor:
        """As `prepared`, once."""
        return self.prepared()(items_BL, lengths_B)

    def in_steps(self, steps: int) -> Self:
        """This network, answering by that many reverse steps from now on; one without a reverse process needs none."""
        return self

    def pack_histories(self, items_BL: Tensor, lengths_B: Tensor) -> tuple[Layout, Tensor]:
        """Right-padded histories as a ragged batch: its layout, in rows as wide as the longest, and its items [M]."""
        if len(items_BL) == 1:
            length = int(lengths_B)
            return Layout.alone(length, self.padding.num_sink_tokens, items_BL.device), items_BL[0, :length]
        layout = Layout.of(lengths_B.cpu().numpy(), items_BL.shape[1], self.padding.num_sink_tokens, items_BL.device)
        return layout, items_BL[torch.arange(items_BL.shape[1], device=items_BL.device) < lengths_B[:, None]]

    def embed(self, items_RW: Tensor, layout: Layout) -> Tensor:
        """The item embeddings with their positions, [R, W, D]."""
        return self.positions(self.item_embedding(items_RW), layout.rows(layout.reverse_position_M))
