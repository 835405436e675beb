"""Makes the objects of a folder as core/FORMAT.md describes them, and commits of them. Needs b3sum."""
import os, struct
from read import KINDS, b3_many, cuts, fnv1a, pack

CHUNK, LIST, MANIFEST, TREE, COMMIT = 1, 2, 3, 4, 5
FILE, EXECUTABLE, SYMLINK, DIRECTORY = range(4)
CHUNK_BYTES = 4096


class Objects:
    """Objects by kind and id, in the order in which they were made: what is referred to comes first."""

    def __init__(self):
        self.held = {}

    def add(self, kind, blobs):
        ids = [bytes.fromhex(h) for h in b3_many(blobs, None if kind == CHUNK else 'dits 1 ' + KINDS[kind])]
        self.held.update({(kind, ident): blob for ident, blob in zip(ids, blobs)})
        return ids

    def commit(self, folder, parents, message, time_ms):
        who = ['Pythia', 'pythia@example.org', time_ms, 0]
        tree, _ = self.directory(folder)
        return self.add(COMMIT, [pack([1, tree, parents, who, who, message, None])])[0]

    def directory(self, folder):
        """The id of a folder's root node, and the sum of the sizes in it."""
        names = sorted(os.listdir(folder))
        files = {name: self._content(os.path.join(folder, name)) for name in names if not self._is_folder(folder, name)}
        pieces = {name: [content[at:at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES)] or [b''] for name, (_, content) in files.items()}
        ids = iter(self.add(CHUNK, [piece for name in files for piece in pieces[name]]))
        hashes = dict(zip(files, b3_many([content for _, content in files.values()])))
        rows = []
        for name in names:
            if name not in files:
                ident, size = self.directory(os.path.join(folder, name))
                rows.append((name, DIRECTORY, size, ident, b''))
                continue
            kind, content = files[name]
            chunks = [(next(ids), len(piece)) for piece in pieces[name]]
            if len(chunks) == 1: rows.append((name, kind, len(content), chunks[0][0], b''))
            else:
                whole = bytes.fromhex(hashes[name])
                rows.append((name, kind | 4, len(content), self._manifest(content, whole, chunks), whole))
        return self._tree(rows), sum(row[2] for row in rows)

    def _is_folder(self, folder, name):
        path = os.path.join(folder, name)
        return os.path.isdir(path) and not os.path.islink(path)

    def _content(self, path):
        if os.path.islink(path): return SYMLINK, os.fsencode(os.readlink(path))
        with open(path, 'rb') as file:
            return EXECUTABLE if os.access(path, os.X_OK) else FILE, file.read()

    def _manifest(self, content, whole, chunks):
        """The chunk list's nodes go by themselves, its root goes into the manifest."""
        def encode(level, rows):
            totals = column('<Q' if level else '<I', (row[1] for row in rows))
            return b''.join(row[0] for row in rows) + totals + (column('<I', (row[2] for row in rows)) if level else b'')

        def above(level, ident, rows): return ident, sum(row[1] for row in rows), rows[-1][2]
        rows = [(ident, size, struct.unpack('<I', ident[:4])[0]) for ident, size in chunks]
        root = self._search_tree(LIST, rows, lambda row: row[2], encode, above)
        return self.add(MANIFEST, [struct.pack('<BBHIQ', 1, 2, 0, 0, len(content)) + whole + root])[0]

    def _tree(self, entries):
        """A row is (name, flags or count, size, id, whole-file hash or nothing)."""
        def encode(level, rows):
            sizes = column('<Q', (row[2] for row in rows))
            names = column('<H', (len(row[0]) for row in rows)) + b''.join(row[0] for row in rows)
            first = sizes + column('<I', (row[1] for row in rows)) if level else bytes(row[1] for row in rows) + sizes
            return first + names + b''.join(row[3] for row in rows) + b''.join(row[4] for row in rows)

        def above(level, ident, rows):
            return rows[-1][0], sum(row[1] for row in rows) if level else len(rows), sum(row[2] for row in rows), ident, b''
        rows = sorted((os.fsencode(name), *rest) for name, *rest in entries)
        return self.add(TREE, [self._search_tree(TREE, rows, lambda row: fnv1a(row[0]), encode, above)])[0]

    def _search_tree(self, kind, rows, h, encode, above):
        """Keeps all nodes of a search tree but its root, and answers the root's bytes."""
        level = 0
        while True:
            rest = iter(rows)
            nodes = [[next(rest) for _ in range(size)] for size in cuts([h(row) for row in rows], level)]
            blobs = [struct.pack('<BBH', 1, level, len(node)) + encode(level, node) for node in nodes]
            if len(blobs) == 1: return blobs[0]
            rows = [above(level, ident, node) for ident, node in zip(self.add(kind, blobs), nodes)]
            level += 1


def column(form, values):
    return b''.join(struct.pack(form, value) for value in values)
