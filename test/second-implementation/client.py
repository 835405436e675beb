#!/usr/bin/env python3
"""A client of the dits protocol, written from protocol/PROTOCOL.md and core/FORMAT.md, that shares no code with dits.

    client.py VERB… -- COMMAND…                       over the standard input and output of a command
    client.py VERB… --at URL FINGERPRINT REPOSITORY   over a WebSocket, with the token in DITS_TOKEN

    refs                        the branches and tags
    version                     asks with a version that there is not
    history ID DEPTH CONTENT    how much a history brings
    push FOLDER BRANCH WAY      a commit of the folder, on top of the branch; what is there already is
                                found out by 'held' or 'filter', or 'blind': by what is named as missing
    clone FOLDER BRANCH         everything that the branch reaches, verified, and its files

Prints what it hears. To push and to clone it needs b3sum and zstd.
"""
import json, os, struct, sys
from collections import Counter
from read import KINDS, Damage, Reader, b3_many, commit as decode_commit, need
from wire import Pieces, Refused, WebSocket, Wire, decode_records, encode_record
from write import CHUNK, COMMIT, DIRECTORY, EXECUTABLE, LIST, MANIFEST, SYMLINK, TREE, Objects


def greet(wire, repository, version=1):
    wire.send('hello', version, repository, os.environ.get('DITS_TOKEN'), 'independent client')
    wire.send('refs', ['refs/heads/', 'refs/tags/'])
    welcome, _ = wire.answer('welcome')
    need(welcome[1] == 1, 'welcome', welcome)
    refs = {}
    while True:
        message, _ = wire.answer('refs', 'refs-end')
        if message[0] == 'refs-end': return welcome[2], refs, message[1], message[2]
        refs.update(zip(message[1][::2], message[1][1::2]))


def join(ids): return b''.join(ids)
def split(ids, size=32): return [ids[at:at + size] for at in range(0, len(ids), size)]
def batches(items, size): return [items[at:at + size] for at in range(0, len(items), size)]


def push(wire, refs, count, folder, branch, way):
    before = refs.get(branch)
    objects = Objects()
    after = objects.commit(folder, [before] if before else [], 'from elsewhere', 1_700_000_000_000)
    keys = list(objects.held)
    known = {'held': ask_held, 'filter': lambda w, k: ask_filter(w, k, count), 'blind': lambda w, k: k}[way](wire, keys)
    rest = [key for key in keys if key not in known]
    # What is missing is found by its id: of a tag's value the server does not know the kind.
    by_id = {key[1]: key for key in keys}
    rounds, sent = 0, set()
    while True:
        stored = store_and_move(wire, objects, rest, [branch, before, after])
        sent.update(rest)
        message, _ = wire.answer('missing', 'moved')
        if message[0] == 'moved': break
        rest = [by_id[row[1:]] for row in split(message[1], 33)]
        need(rest and not sent.intersection(rest), 'missed twice')
        rounds += 1
    name, code, text = message[1][0]
    need(name == branch, 'the result for', name)
    show(id=after.hex(), code=code, text=text, objects=kinds(keys), sent=kinds(sent), rounds=rounds, stored=stored)


def store_and_move(wire, objects, keys, move):
    """Both in one breath, without waiting for an answer; what was stored, where something was sent."""
    if keys:
        wire.send('store')
        wire.send_data(join(encode_record(kind, ident, objects.held[kind, ident]) for kind, ident in keys))
        wire.send('store-end')
    wire.send('move', [move])
    return wire.answer('stored')[0][1:] if keys else None


def ask_held(wire, keys):
    held = []
    for batch in batches(keys, 65_536):
        wire.send('held', join(ident[:6] for _, ident in batch))
        bits = wire.answer('held')[0][1]
        need(len(bits) == (len(batch) + 7) // 8, 'bits')
        held += [key for i, key in enumerate(batch) if bits[i // 8] >> i % 8 & 1]
    return held


def ask_filter(wire, keys, count):
    """What the filter claims, and `held` says too where that costs little."""
    wire.send('filter')
    size = wire.answer('filter')[0][1]
    need(128 <= size <= 4 << 20 and size >= count * 10 // 8, 'a filter of', size)
    bits = wire.data(size)
    claimed = [key for key in keys if in_filter(bits, key[1])]
    return ask_held(wire, claimed) if len(claimed) <= len(keys) / 4 else claimed


def in_filter(bits, ident):
    n = len(bits) * 8
    a, b = (half & (1 << 53) - 1 for half in struct.unpack_from('<QQ', ident))
    places = [(a % n + i * (b % n)) % n for i in range(7)]
    return all(bits[place // 8] >> place % 8 & 1 for place in places)


def clone(wire, refs, folder, branch):
    reader = Reader({})
    tip = refs[branch]
    wire.send('history', tip, b'', 0, 0)
    message, data = wire.answer('boundary', 'history-end')
    need(message == ['history-end'], 'a boundary without a depth')
    keep(reader, data, lambda kind, _: kind in (TREE, COMMIT))
    of_history = kinds(reader.o)
    rounds = 0
    while lacking := list(find_lacking(reader, tip)):
        rounds += 1
        for batch in batches(lacking, 4096):
            wire.send('objects', join(ident for _, ident in batch))
            message, data = wire.answer('objects-end')
            need(message[1] == b'', 'not there:', message[1].hex())
            keep(reader, data, lambda kind, ident: (kind, ident) in batch)
    for path, entry, content in reader.walk(decode_commit(reader.get(COMMIT, tip))['tree']):
        if entry['hash']: need(b3_many([content])[0] == entry['hash'].hex(), 'whole-file hash', path)
        place(os.path.join(os.fsencode(folder), path), entry, content)
    show(id=tip.hex(), objects=kinds(reader.o), history=of_history, rounds=rounds)


def keep(reader, data, is_asked_for):
    """Takes objects whose bytes are those of their ids, and that were asked for."""
    records = decode_records(data)
    for kind in KINDS:
        these = [record for record in records if record[0] == kind]
        hashes = b3_many([raw for _, _, raw in these], None if kind == CHUNK else 'dits 1 ' + KINDS[kind])
        for (_, ident, raw), right in zip(these, hashes):
            need(ident.hex() == right and is_asked_for(kind, ident), 'an object that is not right', KINDS[kind], ident.hex())
            reader.o[kind, ident] = raw


def find_lacking(reader, tip):
    """What is not here of all that is reached through what is here."""
    seen, todo = set(), [(COMMIT, tip)]
    while todo:
        key = todo.pop()
        if key in seen: continue
        seen.add(key)
        if key in reader.o: todo += refer(reader, *key)
        else: yield key


def refer(reader, kind, ident):
    raw = reader.o[kind, ident]
    if kind == COMMIT:
        commit = decode_commit(raw)
        return [(TREE, commit['tree'])] + [(COMMIT, parent) for parent in commit['parents']]
    if kind == TREE:
        level, rows = reader.tree_node(raw)
        return [(TREE if level or row['kind'] == DIRECTORY else MANIFEST if row['manifest'] else CHUNK, row['id']) for row in rows]
    if kind in (MANIFEST, LIST):
        level, rows = reader.list_node(raw[48:] if kind == MANIFEST else raw)
        return [(LIST if level else CHUNK, row[0]) for row in rows]
    return []


def place(path, entry, content):
    os.makedirs(path if entry['kind'] == DIRECTORY else os.path.dirname(path), exist_ok=True)
    if entry['kind'] == DIRECTORY: return
    if entry['kind'] == SYMLINK: return os.symlink(content, path)
    with open(path, 'xb') as file: file.write(content)
    if entry['kind'] == EXECUTABLE: os.chmod(path, 0o755)


def history(wire, ident, depth, content):
    wire.send('history', bytes.fromhex(ident), b'', depth, content)
    boundary, records = [], []
    while True:
        message, data = wire.answer('boundary', 'history-end')
        records += decode_records(data)
        if message[0] == 'history-end': break
        boundary += split(message[1])
    show(records=kinds(records), boundary=[ident.hex() for ident in boundary])


def kinds(keys): return Counter(KINDS[key[0]] for key in keys)
def show(**fields): print(json.dumps(fields))


def connect(words):
    """The words before where it connects to, the stream, and the name of the repository there."""
    if '--at' in words:
        at = words.index('--at')
        url, fingerprint, repository = words[at + 1:]
        return words[:at], WebSocket(url, fingerprint), repository
    at = words.index('--')
    return words[:at], Pieces(words[at + 1:]), ''


def main():
    words, stream, repository = connect(sys.argv[1:])
    wire = Wire(stream)
    role, refs, head, count = greet(wire, repository, 2 if words[0] == 'version' else 1)
    if words[0] == 'refs': show(role=role, refs={name: ident.hex() for name, ident in refs.items()}, head=head, objects=count)
    elif words[0] == 'history': history(wire, words[1], int(words[2]), int(words[3]))
    elif words[0] == 'push': push(wire, refs, count, *words[1:])
    elif words[0] == 'clone': clone(wire, refs, *words[1:])
    wire.end()


try:
    main()
except Refused as problem:
    show(error=str(problem))
except Damage as problem:
    sys.exit(f'contradicts what is written: {problem}')
