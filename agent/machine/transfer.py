"""One download in progress: which file, over what, and which blocks are still wanted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from agent.machine.settings import DataProtocol
from agent.protocol.bitmap import BlockBitmap
from agent.protocol.job_document import JobDocument


@dataclass
class Transfer:
    """A file being received. ``document`` is fixed when the job is accepted, except for its URL."""

    document: JobDocument
    protocol: DataProtocol
    block_size: int
    data_topic: str
    request_topic: str
    bitmap: BlockBitmap = field(init=False)
    blocks: int = field(init=False)
    window_left: int = 0
    open_at_source: bool = False
    """Whether the stream is subscribed or the HTTP download initialised."""

    def __post_init__(self) -> None:
        self.blocks = -(-self.document.file_size // self.block_size)
        self.bitmap = BlockBitmap(self.blocks)

    @property
    def stored(self) -> int:
        """Blocks stored so far; survives suspension."""
        return self.blocks - self.bitmap.remaining

    def size_of(self, index: int) -> int:
        """The only size (bytes) block ``index`` may have."""
        if index == self.blocks - 1:
            return self.document.file_size - index * self.block_size
        return self.block_size

    def next_wanted(self) -> int:
        """The lowest block still wanted."""
        return next(i for i in range(self.blocks) if self.bitmap.wanted(i))

    def continues_with(self, document: JobDocument) -> bool:
        """Whether a document of the same job names the same bytes from the same place."""
        mine = self.document
        return (mine.file_size, mine.file_id, mine.stream_name, mine.signature) == (
            document.file_size,
            document.file_id,
            document.stream_name,
            document.signature,
        )

    def refresh_url(self, document: JobDocument) -> None:
        """Take over the fresh download URL and nothing else."""
        self.document = replace(self.document, update_data_url=document.update_data_url)
