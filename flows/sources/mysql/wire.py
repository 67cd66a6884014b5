"""Rows of MySQL's text protocol as Arrow columns of raw bytes, many rows at a time.

The driver sends the query and reads the columns' descriptions; the packets of the rows are taken apart here, because
one Python object for each value is slow. A packet is a length (3 bytes), a number (1 byte) and its payload; a row's
payload is one field after another, each a length and so many bytes:

| first byte | means                                      |
| ---------- | ------------------------------------------ |
| 00 - fa    | the length itself                          |
| fb         | NULL                                       |
| fc fd fe   | the length follows in 2, 3 or 8 bytes      |
| ff         | nothing: it begins an error, not a row     |

Where rows start is found one by one; from there on each field of all rows at once: its length gives where the next one
starts. In an Arrow array whose offsets are start, end, start, end, ... every second element is a field.

No length is believed: what a wrong one leads to is another row, or memory behind the buffer. Each field begins behind
the one before it, so that all of them lie in their row if the last one ends where the row does, which is seen to before
anything is given. Until then it is enough that nothing is read outside the buffer.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pymysql.err import DataError, OperationalError, raise_mysql_exception

if TYPE_CHECKING:
    from collections.abc import Iterator, Sized

    from flows.sources.mysql.driver import Session

BATCH_BYTES = 4 << 20
_LEAST_READ = 64 << 10
_HEADER = 4
_LARGEST_PACKET = 0xFFFFFF
_NULL, _SHORT, _LONG, _ERROR = 0xFB, 0xFC, 0xFE, 0xFF
_END_BYTES = 9
_LOST = 2013
_MOST_BYTES = (1 << 31) - 1
_WIDTH = 4
"""Bytes that hold every length of a buffer."""
_BROKEN = "the server sent a row that is none: the lengths of its fields do not fit it"

_word = struct.Struct("<I").unpack_from


def query(session: Session, sql: str, count: int) -> Iterator[list[pa.Array]]:
    """Give the rows of a query as Arrow arrays of type binary, one for each of its columns.

    Memory is bounded by `BATCH_BYTES` or by the largest row. Raises the driver's errors. The session has to be closed
    when the result is not read to its end.
    """
    session.query(sql, unbuffered=True)
    result: Any = session._result  # type: ignore[attr-defined] # noqa: SLF001 - the driver has no way to give rows but as tuples
    # Else the driver reads the result to its end when the object is dropped.
    result.unbuffered_active = False
    if result.field_count != count:
        raise DataError(0, f"the server sent {result.field_count} columns where {count} were asked for")
    yield from decoded(session._rfile, count)  # type: ignore[attr-defined] # noqa: SLF001 - its buffer holds what was read ahead


def decoded(file: Any, count: int) -> Iterator[list[pa.Array]]:  # noqa: ANN401 - a buffered reader, or what is left of one
    """Give the rows of so many fields that a buffered reader holds, up to the packet that ends them.

    Raises DataError where a row is none, OperationalError where they end too early, and what the server says.
    """
    stream = _Packets(file)
    while (edges := stream.next()) is not None:
        if len(edges) > 1:
            yield _columns(stream.buffer, edges, count)


class _Packets:
    """Reads packets into one buffer, as many as fit; the next ones take their place."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - a buffered reader, or what is left of one
        self.file = file
        self.buffer = bytearray(BATCH_BYTES)
        self.filled = 0
        """Bytes of the buffer that hold something."""
        self.position = 0
        """Where the first packet starts that has not been given."""
        self.first = True
        self.ended = False

    def next(self) -> list[int] | None:
        """Return where the payloads of the next rows start in the buffer, and where the one after them would.

        None after the last.
        """
        if self.ended:
            return None
        self._shift()
        starts: list[int] = []
        while not self.ended and len(self.buffer) - self.filled >= _LEAST_READ:
            self._fill()
            self._scan(starts)
        if not self.ended:
            starts.append(self.position + _HEADER)
        return starts

    def _shift(self) -> None:
        """Bring what is left to the buffer's front, and make room where one row fills it."""
        rest = self.filled - self.position
        if rest and self.position == 0:
            if rest > _MOST_BYTES // 2:
                raise OperationalError(0, f"a row of more than {rest >> 20} MiB cannot be read")
            self.buffer = self.buffer + bytes(len(self.buffer))
        else:
            self.buffer[:rest] = self.buffer[self.position : self.filled]
        self.filled, self.position = rest, 0

    def _fill(self) -> None:
        room = memoryview(self.buffer)[self.filled :]
        try:
            if self.first:
                # What the driver has read ahead, without waiting for more.
                ahead = self.file.read1(len(room))
                got = len(ahead)
                room[:got] = ahead
                self.first = False
            else:
                got = self.file.raw.readinto(room)
        except (ValueError, AttributeError):  # closed by another thread
            got = 0
        if not got:
            raise OperationalError(_LOST, "Lost connection to MySQL server during query")
        self.filled += got

    def _scan(self, starts: list[int]) -> None:
        """Note where whole packets start; the last of a result says that it is the last, or what went wrong."""
        buffer, filled, position, length = self.buffer, self.filled, self.position, 0
        first = len(starts)
        while position + _HEADER <= filled:
            length = _word(buffer, position)[0] & _LARGEST_PACKET
            end = position + _HEADER + length
            if end > filled:
                break
            if length == _LARGEST_PACKET:
                joined = self._join(position)
                if joined is None:
                    break
                filled, end = self.filled, joined
            starts.append(position + _HEADER)
            position = end
        self.position = position
        if len(starts) > first and position == filled:
            self._look_at_last(starts, length)

    def _join(self, position: int) -> int | None:
        """Take the headers out of a payload that spans packets; return its end, None where it is not all there."""
        headers = []
        length = _LARGEST_PACKET
        end = position
        while length == _LARGEST_PACKET:
            if end + _HEADER > self.filled:
                return None
            length = _word(self.buffer, end)[0] & _LARGEST_PACKET
            headers.append(end)
            end += _HEADER + length
        if end > self.filled:
            return None
        for header in reversed(headers[1:]):
            self.buffer[header : self.filled - _HEADER] = self.buffer[header + _HEADER : self.filled]
            self.filled -= _HEADER
        return end - _HEADER * (len(headers) - 1)

    def _look_at_last(self, starts: list[int], length: int) -> None:
        first = self.buffer[starts[-1]] if length else 0
        if first == _ERROR:
            _refuse(bytes(self.buffer[starts[-1] : self.position]))
        self.ended = first == _LONG and length < _END_BYTES


def _refuse(packet: bytes) -> None:
    """Raise the error that a packet tells of."""
    try:
        raise_mysql_exception(packet)
    except (IndexError, ValueError, struct.error):
        raise DataError(0, "the server sent an error that is none") from None


def _columns(buffer: bytearray, edges: list[int], count: int) -> list[pa.Array]:
    raw = pa.py_buffer(buffer)
    data = pa.Array.from_buffers(pa.uint8(), len(buffer), [None, raw])
    all_edges, rows = pa.array(edges, pa.int64()), len(edges) - 1
    position, ends = all_edges.slice(0, rows), pc.subtract(all_edges.slice(1), _HEADER)
    # A packet without a payload may be the last of the buffer.
    _keep_inside(position, 1, buffer)
    fields = []
    for left in reversed(range(count)):
        start, end, null = _fields(data, position)
        _keep_inside(end, left, buffer)
        # Two 32-bit offsets, start and end, side by side in one 64-bit number.
        fields.append((pc.bit_wise_or(start, pc.shift_left(end, 32)), null))
        position = end
    if not position.equals(ends):
        raise DataError(0, _BROKEN)
    seconds = _even_numbers(1 << rows.bit_length()).slice(0, rows)
    columns = []
    for offsets, null in fields:
        gaps = pa.Array.from_buffers(pa.binary(), 2 * rows - 1, [None, offsets.buffers()[1], raw])
        wanted = seconds if null is None else pc.if_else(null, pa.scalar(None, pa.int32()), seconds)
        columns.append(pc.take(gaps, wanted, boundscheck=False))
    return columns


def _keep_inside(position: pa.Array, size: int, data: Sized) -> None:
    """Raise DataError unless so many bytes of the data follow each position."""
    if pc.max(position).as_py() + size > len(data):
        raise DataError(0, _BROKEN)


@lru_cache(maxsize=4)
def _even_numbers(count: int) -> pa.Array:
    return pa.array(range(0, 2 * count, 2), pa.int32())


def _fields(data: pa.Array, position: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array | None]:
    """Return where one field of all rows starts and ends, and which are NULL, given where its length stands.

    That is inside the data; the field may end outside. Raises DataError where there is no such length.
    """
    first = pc.take(data, position, boundscheck=False)
    length = first.cast(pa.int64())
    largest = pc.max(first).as_py()
    start = pc.add(position, 1)
    if largest < _NULL:
        return start, pc.add(start, length), None
    if largest == _ERROR:
        raise DataError(0, _BROKEN)
    null = pc.equal(first, _NULL)
    length = pc.if_else(null, 0, length)
    if largest > _NULL:
        for mark, size in ((_SHORT, 2), (_SHORT + 1, 3), (_LONG, 8)):
            rows = pc.equal(first, mark)
            if pc.any(rows).as_py():
                places = pc.filter(position, rows)
                _keep_inside(places, 1 + size, data)
                length = pc.replace_with_mask(length, rows, _number(data, places, size))
                start = pc.replace_with_mask(start, rows, pc.add(places, 1 + size))
    return start, pc.add(start, length), null


def _number(data: pa.Array, position: pa.Array, size: int) -> pa.Array:
    """Return the little-endian numbers of so many bytes that stand after each position.

    Raises DataError where one is larger than any buffer, whose sum with a position would wrap around.
    """
    number = pa.array([0] * len(position), pa.int64())
    for byte in range(size):
        digit = pc.take(data, pc.add(position, 1 + byte), boundscheck=False).cast(pa.int64())
        if byte >= _WIDTH and pc.max(digit).as_py():
            raise DataError(0, _BROKEN)
        number = pc.bit_wise_or(number, pc.shift_left(digit, 8 * byte))
    return number
