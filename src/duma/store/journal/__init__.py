"""The journal: every update that a server was asked for, in order, so that it can be done again.

A journal is a folder of segments. A segment is named by the number of its first record and the journal's
identity:

    00000000000000000001-8f31c2aa.journal
    00000000000000053211-8f31c2aa.journal

It has a header and then frames without gaps. Integers are big-endian, times are nanoseconds since 1970.

    header   0   8  magic "dumajrnl"
             8   4  format version, 1
            12   4  identity of the journal, a random number
            16   8  sequence number of the first record
            24   8  time when the segment was made
            32   4  checksum of the record before the first one, 0 before record 1
            36   4  CRC32C of bytes 0 to 35

    frame    0   4  checksum: CRC32C of the rest of the frame, starting from the journal's identity
             4   4  checksum of the record before
             8   4  n, bytes of name and payload
            12   1  kind: 0 mark, 1 request, 2 event
            13   1  bytes of the name
            14   2  a7 d5
            16   8  sequence number
            24   8  time
            32   n  name, payload

Requests and events are records; they are numbered from 1 without gaps. A request has a method's name and the
request's parameters as they came. An event has a name of its own and carries what replay cannot find out
again: a random draw, a difference that MIX brought. Each record states the checksum of the record before it,
over segments as well, so that nothing can be missing, doubled or from elsewhere between two good records. The
identity in the checksum keeps data that a client sent from being taken for a frame.

A mark ends every batch that was written at once. It has the sequence number and the checksum of the record
before it, and 8 bytes: the last record that was synced when the mark was written. Marks tell a torn tail from
damage. Frames that were never synced may be found in any state after a crash; that is a torn tail. But where
a mark behind the bad place says that the bad place had been synced, no crash has done that, and something is
broken.

A segment's life: it is built under a temporary name and renamed when its header is on the disk; by then
everything in the segment before is. Batches are appended. When it is full, the next one follows. When no kept
snapshot needs it, it is removed. What repair cuts off or moves away is kept beside it, as `<segment>.torn-1`
or `<segment>.aside-1`.

The files here: `record` the layout, `segment` a segment's header and names, `writer` appends, `committer`
decides when to write and sync, `reader` reads and finds damage, `repair` cuts and sets aside.
"""

from duma.store.journal.committer import Committer
from duma.store.journal.damage import Damage, End, JournalDamaged, TornTail
from duma.store.journal.reader import JournalReader
from duma.store.journal.record import EVENT, REQUEST, Record
from duma.store.journal.writer import JournalWriter

__all__ = [
    "EVENT",
    "REQUEST",
    "Committer",
    "Damage",
    "End",
    "JournalDamaged",
    "JournalReader",
    "JournalWriter",
    "Record",
    "TornTail",
]
