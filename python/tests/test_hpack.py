"""Header compression, against the reference implementation."""

from __future__ import annotations

import hpack
import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given
from hypothesis import strategies as st

from compiler_gym_service import _hpack

headers = st.lists(st.tuples(st.binary(min_size=1, max_size=40), st.binary(max_size=200)), max_size=20)


def test_the_codes_are_those_of_the_rfc() -> None:
    assert list(_hpack._LENGTHS) == list(REQUEST_CODES_LENGTH)
    codes = {symbol: key for key, symbol in _hpack._CODES.items()}
    assert [codes[symbol][1] for symbol in range(257)] == list(REQUEST_CODES)


def test_the_static_table_is_that_of_the_rfc() -> None:
    assert list(hpack.table.HeaderTable.STATIC_TABLE) == list(_hpack._STATIC)


@given(st.binary(max_size=300))
def test_reads_huffman_strings(text: bytes) -> None:
    encoder = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
    assert _hpack.huffman_decode(encoder.encode(text)) == text


@given(st.lists(headers, max_size=6), st.booleans())
def test_reads_what_the_reference_writes(blocks: list[list[tuple[bytes, bytes]]], huffman: bool) -> None:
    encoder, decoder = hpack.Encoder(), _hpack.Decoder()
    for block in blocks:
        assert decoder.decode(encoder.encode(block, huffman=huffman)) == block


@given(headers)
def test_the_reference_reads_what_is_written(block: list[tuple[bytes, bytes]]) -> None:
    decoded = hpack.Decoder(max_header_list_size=2**20).decode(_hpack.encode(block), raw=True)
    assert [(bytes(name), bytes(value)) for name, value in decoded] == block


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(block: bytes) -> None:
    try:
        _hpack.Decoder().decode(block)
    except _hpack.HpackError:
        pass


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"\x80", "no header of index 0"),
        (b"\xff\xff\xff\xff\xff\xff\x0f", "more than 32 bits"),
        (b"\x00\x05a", "longer than its block"),
        (b"\x3f\xff\x7f", "where 4096 were allowed"),
        (b"\x00", "ends too early"),
    ],
)
def test_says_what_is_wrong(block: bytes, reason: str) -> None:
    with pytest.raises(_hpack.HpackError, match=reason):
        _hpack.Decoder().decode(block)
