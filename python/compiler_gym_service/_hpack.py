"""Header compression of HTTP/2 (RFC 7541), as much as a gRPC client needs: it reads everything, and writes literals."""

from __future__ import annotations

from collections import deque

Header = tuple[bytes, bytes]

# Appendix A in its order, where the first index is 1.
_STATIC: tuple[Header, ...] = tuple(
    (name, value)
    for name, _, value in (
        line.partition(b"=")
        for line in (
            b":authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|"
            b":status=204|:status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|"
            b"accept-encoding=gzip, deflate|accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|"
            b"authorization|cache-control|content-disposition|content-encoding|content-language|content-length|"
            b"content-location|content-range|content-type|cookie|date|etag|expect|expires|from|host|if-match|"
            b"if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|link|location|max-forwards|"
            b"proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|"
            b"strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate"
        ).split(b"|")
    )
)

# Appendix B: the length of each symbol's code, the end of a string last. The code is canonical: codes of one length follow
# each other in the order of their symbols, so that the lengths say all.
_LENGTHS = bytes.fromhex(
    "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c060a0a0c0d06080b0a0a080b080606060505050606060606"
    "060607080f060c0a0d06070707070707070707070707070707070707070707070807080d130d0e060f050605060506060605070706060605"
    "06070605050607070707070f0b0e0d1c14161414161616171617171717171817181816171817171717151617161717181615141616171715"
    "1716161815161717151516151716171714161616171616171a1a1413161716191a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b"
    "14181415161515171616191918181a171a1b1a1a1b1b1b1b1b1c1b1b1b1b1b1a1e"
)
_END_OF_STRING = 256


class HpackError(ValueError):
    """Not what RFC 7541 says."""


def _huffman_codes() -> dict[tuple[int, int], int]:
    """From a code's length and bits to its symbol."""
    codes: dict[tuple[int, int], int] = {}
    code = length = 0
    for symbol in sorted(range(len(_LENGTHS)), key=lambda symbol: (_LENGTHS[symbol], symbol)):
        code <<= _LENGTHS[symbol] - length
        length = _LENGTHS[symbol]
        codes[length, code] = symbol
        code += 1
    return codes


_CODES = _huffman_codes()


def huffman_decode(data: bytes) -> bytes:
    """A string in the code of Appendix B."""
    text = bytearray()
    code = length = 0
    for byte in data:
        for bit in range(7, -1, -1):
            code = code << 1 | byte >> bit & 1
            length += 1
            symbol = _CODES.get((length, code))
            if symbol is None:
                if length >= 30:
                    raise HpackError("no such Huffman code")
            elif symbol == _END_OF_STRING:
                raise HpackError("a string with its end inside")
            else:
                text.append(symbol)
                code = length = 0
    if length > 7 or code != (1 << length) - 1:
        raise HpackError("a string that ends within a Huffman code")
    return bytes(text)


def _integer(value: int, prefix_bits: int, first: int) -> bytes:
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([first | value])
    encoded = bytearray([first | limit])
    value -= limit
    while value >= 128:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode(headers: list[Header]) -> bytes:
    """Literals that nobody is to remember: independent of all that was sent before."""
    return b"".join(
        b"\x00" + _integer(len(name), 7, 0) + name + _integer(len(value), 7, 0) + value for name, value in headers
    )


class Decoder:
    """Reads the header blocks of one connection, in the order in which they come."""

    def __init__(self, max_table_size: int = 4096) -> None:
        self._max_table_size = max_table_size
        self._capacity = max_table_size
        self._table: deque[Header] = deque()  # the newest first
        self._size = 0

    def decode(self, block: bytes) -> list[Header]:
        """One whole block. Raises HpackError."""
        headers: list[Header] = []
        try:
            at = 0
            while at < len(block):
                at = self._field(block, at, headers)
        except IndexError:
            raise HpackError("a header block that ends too early") from None
        return headers

    def _field(self, block: bytes, at: int, headers: list[Header]) -> int:
        first = block[at]
        if first & 0x80:  # both are in the table
            index, at = self._read_integer(block, at, 7)
            headers.append(self._entry(index))
        elif first & 0x40:  # a literal that is to be remembered
            header, at = self._read_literal(block, at, 6)
            headers.append(header)
            self._remember(header)
        elif first & 0x20:
            size, at = self._read_integer(block, at, 5)
            if size > self._max_table_size:
                raise HpackError(f"a table of {size} bytes, where {self._max_table_size} were allowed")
            self._capacity = size
            self._evict()
        else:  # a literal, or one that nobody may ever remember
            header, at = self._read_literal(block, at, 4)
            headers.append(header)
        return at

    def _entry(self, index: int) -> Header:
        if 0 < index <= len(_STATIC):
            return _STATIC[index - 1]
        if len(_STATIC) < index <= len(_STATIC) + len(self._table):
            return self._table[index - len(_STATIC) - 1]
        raise HpackError(f"no header of index {index}")

    def _remember(self, header: Header) -> None:
        self._table.appendleft(header)
        self._size += len(header[0]) + len(header[1]) + 32
        self._evict()

    def _evict(self) -> None:
        while self._size > self._capacity:
            name, value = self._table.pop()
            self._size -= len(name) + len(value) + 32

    def _read_literal(self, block: bytes, at: int, prefix_bits: int) -> tuple[Header, int]:
        index, at = self._read_integer(block, at, prefix_bits)
        if index:
            name = self._entry(index)[0]
        else:
            name, at = self._read_string(block, at)
        value, at = self._read_string(block, at)
        return (name, value), at

    def _read_string(self, block: bytes, at: int) -> tuple[bytes, int]:
        is_huffman = block[at] & 0x80
        length, at = self._read_integer(block, at, 7)
        end = at + length
        if end > len(block):
            raise HpackError("a string that is longer than its block")
        text = block[at:end]
        return (huffman_decode(text) if is_huffman else text), end

    @staticmethod
    def _read_integer(block: bytes, at: int, prefix_bits: int) -> tuple[int, int]:
        limit = (1 << prefix_bits) - 1
        value = block[at] & limit
        at += 1
        if value < limit:
            return value, at
        shift = 0
        while True:
            byte = block[at]
            at += 1
            value += (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value, at
            if shift > 28:
                raise HpackError("an integer of more than 32 bits")
