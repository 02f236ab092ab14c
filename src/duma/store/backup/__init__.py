"""Backups: copies of a data folder in a place of their own, a folder or an object store.

<place>/
    writer.json            who writes here (see `lease`)
    backups/<id>.json      manifests: what each backup consists of (see `manifest`)
    pieces/<sha256>        parts of files, named by their contents, never changed
    verified/<id>.json     when a backup was restored last, and what state it had then

A backup is its manifest. It is written when all pieces it names are there, so that whatever is listed is
whole; a backup that was broken off is some pieces which nobody names, and the next one finds them there and
need not send them again. Files are cut into pieces at fixed offsets: of a segment that grew, only the last
piece is sent again.

What a backup has: the newest whole snapshot, the journal behind it up to a record, and the model files that
were loaded in between. Nothing is locked in the data folder, and a server may be running on it. Files that its
retention removes meanwhile are no problem: they are open, or all begins again with the newer snapshot.

Only one writes to a place at a time. Everything that is removed is removed by the writer: first manifests,
then the pieces that no manifest names and that are older than a grace time. A writer trusts a piece to stay
only if the newest manifest names it or it is young, and sends it again otherwise; so a writer that was
suspended while another took its place can do no harm when it wakes up.

The files here: `remote` what is asked of a place, `folder_remote` and `object_remote` the two kinds, `manifest`
and `lease` the formats, `place` reads and writes them, `source` what is to be backed up, `sending`, `creation`,
`restoration`, `pruning` and `copying` the operations. None of them knows an engine.
"""
