"""Steps as bytes, for many sessions at a time: what never changes is encoded once."""

from __future__ import annotations

from collections.abc import Sequence

from ._proto import compiler_gym_service_pb2 as pb

# Field numbers and wire types, as in proto/compiler_gym_stream.proto; a test compares with the generated messages.
_BATCH_REQUEST = b"\x0a"  # RequestBatch.request
_REQUEST_ID = b"\x08"  # StreamRequest.id
_REQUEST_STEP = b"\x3a"  # StreamRequest.step
_STEP_SESSION = b"\x08"  # StepRequest.session_id


def varint(value: int) -> bytes:
    """Of a number that is not negative."""
    if value < 128:
        return bytes((value,))
    encoded = bytearray()
    while value >= 128:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


_SHORT = tuple(varint(value) for value in range(1024))


class StepEncoder:
    """Encodes requests for one action table and one list of observations."""

    def __init__(self, sequences: Sequence[Sequence[int]], observations: Sequence[int]) -> None:
        observed = pb.StepRequest(observation_space=observations).SerializeToString()
        self._tails = tuple(
            pb.StepRequest(action=[pb.Event(int64_value=number) for number in sequence]).SerializeToString() + observed
            for sequence in sequences
        )

    @staticmethod
    def head(request: int, session: int) -> tuple[bytes, bytes]:
        """What `encode` needs of a session: once for each."""
        return _REQUEST_ID + varint(request) + _REQUEST_STEP, _STEP_SESSION + varint(session)

    def encode(self, head: tuple[bytes, bytes], action: int) -> bytes:
        """An entry of a RequestBatch: entries one after another are a batch."""
        request, session = head
        tail = self._tails[action]
        size = len(session) + len(tail)
        length = _SHORT[size] if size < 1024 else varint(size)
        total = len(request) + len(length) + size
        whole = _SHORT[total] if total < 1024 else varint(total)
        return b"".join((_BATCH_REQUEST, whole, request, length, session, tail))
