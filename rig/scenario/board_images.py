"""The images of a board: variants of its own firmware, or the reference format."""

from __future__ import annotations

from agent.protocol.image import Behaviour
from agent.protocol.version import Version
from rig.scenario.images import ImageSource, ReferenceImages
from targets.board import Board
from targets.firmware_image import make_image, makes_images


class BoardImages:
    """Variants of the image that the board file names, never larger than a slot."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def __call__(self, version: Version, size: int, behaviour: Behaviour, marker: bytes) -> bytes:
        """Raises `BenchError` when the variant cannot be made."""
        largest = min(size, self._board.image.max_size)
        return make_image(self._board, str(version), largest, behaviour, marker)


def image_source(board: Board) -> ImageSource:
    """Where the board's images come from (docs/board-file.md, section image)."""
    return BoardImages(board) if makes_images(board) else ReferenceImages(board.product)
