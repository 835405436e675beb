#!/usr/bin/env python3
"""A second reader of dits repositories, that follows core/FORMAT.md and shares no code with dits.

usage: read.py DITS_FOLDER

Reads everything below .dits, checks every rule of FORMAT.md that a reader can
check, and prints what is there as lines of JSON: refs, HEAD, commits, and for
each tree its files with the SHA-256 of their content. Ends with exit code 1
and the reason where something contradicts FORMAT.md. Needs b3sum and zstd.
"""
import hashlib, json, os, re, struct, subprocess, sys, tempfile, zlib

KINDS = {1: 'chunk', 2: 'list', 3: 'manifest', 4: 'tree', 5: 'commit', 6: 'tag'}
MAX53 = 2**53 - 1

class Damage(Exception): pass
def need(cond, *what):
    if not cond: raise Damage(' '.join(str(w) for w in what))

def b3_many(blobs, context=None):
    """BLAKE3 of many byte strings, in batches through b3sum."""
    out = []
    args = ['b3sum', '--no-names']
    if context: args += ['--derive-key', context]
    with tempfile.TemporaryDirectory() as d:
        for start in range(0, len(blobs), 2000):
            names = []
            for i, b in enumerate(blobs[start:start+2000]):
                p = os.path.join(d, str(i)); open(p, 'wb').write(b); names.append(p)
            r = subprocess.run(args + names, capture_output=True, check=True).stdout.decode().split()
            need(len(r) == len(names), 'b3sum')
            out += r
            for p in names: os.unlink(p)
    return out
def b3(b, context=None): return b3_many([b], context)[0]

def read_index(path, pack_len):
    b = open(path, 'rb').read()
    need(b[:8] == b'DITSPIDX', 'index magic', path)
    version, n, length = struct.unpack_from('<IIQ', b, 8)
    need(version == 1, 'index version')
    need(length == pack_len, 'index length', length, pack_len)
    fan = struct.unpack_from('<256I', b, 24)
    p = 24 + 1024
    ids = [b[p+32*i:p+32*i+32] for i in range(n)]; p += 32*n
    off = struct.unpack_from('<%dI' % n, b, p); p += 4*n
    stored = struct.unpack_from('<%dI' % n, b, p); p += 4*n
    raw = struct.unpack_from('<%dI' % n, b, p); p += 4*n
    kinds = b[p:p+n]; p += n
    codecs = b[p:p+n]; p += n
    need(b[p:].hex() == b3(b[:p]) and len(b) == p + 32, 'index hash', path)
    need(ids == sorted(ids), 'index order')
    for i in range(256):
        need(fan[i] == sum(1 for x in ids if x[0] <= i), 'fan-out', i)
    return [(ids[i], off[i], stored[i], raw[i], kinds[i], codecs[i]) for i in range(n)]

def read_pack(path):
    b = open(path, 'rb').read()
    need(b[:8] == b'DITSPACK', 'pack magic'); need(struct.unpack_from('<II', b, 8) == (1, 0), 'pack header')
    need(len(b) <= 2**30, 'pack size')
    at = 16; recs = []
    while at < len(b):
        kind, codec, zero, stored, raw, check = struct.unpack_from('<BBHIII', b, at)
        ident = b[at+16:at+48]
        need(zero == 0 and kind in KINDS and codec in (0, 1), 'record', path, at)
        payload = b[at+48:at+48+stored]
        need(len(payload) == stored, 'record cut', path, at)
        crc = zlib.crc32(b[at:at+12]); crc = zlib.crc32(b[at+16:at+48], crc)
        if codec != 0: crc = zlib.crc32(payload, crc)
        need(crc == check, 'record check', path, at)
        recs.append((ident, at, stored, raw, kind, codec, payload))
        at += 48 + stored
    need(len(recs) <= 2**20, 'records')
    return recs

def load_objects(dits, stats):
    objects = {}   # (kind,id) -> bytes
    folder = os.path.join(dits, 'packs')
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    for n in names: need(re.fullmatch(r'[0-9a-z-]{1,64}\.(pack|idx)', n), 'key in packs/', n)
    for n in names:
        if not n.endswith('.idx'): continue
        stem = n[:-4]
        ppath = os.path.join(folder, stem + '.pack')
        need(os.path.exists(ppath), 'index without pack', n)
        recs = read_pack(ppath)
        index = read_index(os.path.join(folder, n), os.path.getsize(ppath))
        # an id may stand in a pack twice? compare as multisets first
        need(sorted(r[:6] for r in recs) == sorted(index), 'index and pack differ', n,
             len(recs), len(index))
        z = [r for r in recs if r[5] == 1]
        plain = {}
        if z:
            out = subprocess.run(['zstd', '-dcq'], input=b''.join(r[6] for r in z), capture_output=True, check=True).stdout
            at = 0
            for r in z: plain[r[1]] = out[at:at+r[3]]; at += r[3]
            need(at == len(out), 'zstd sizes')
        for r in recs:
            data = plain[r[1]] if r[5] == 1 else r[6]
            need(len(data) == r[3], 'raw size')
            need(len(data) <= (2**20 if r[4] == 1 else 2**24), 'object size')
            key = (r[4], r[0])
            if key in objects: stats['duplicates'] = stats.get('duplicates', 0) + 1
            objects[key] = data
        stats['packs'] = stats.get('packs', 0) + 1
        stats.setdefault('by_pack', {})[stem] = (len(recs), {r[0][:4] for r in recs})
    for kind, name in KINDS.items():
        these = [(k, v) for k, v in objects.items() if k[0] == kind]
        hashes = b3_many([v for _, v in these], None if kind == 1 else 'dits 1 ' + name)
        for (k, v), h in zip(these, hashes): need(k[1].hex() == h, 'id', name, k[1].hex(), h)
        stats[name] = len(these)
    return objects

def mix(x):
    x &= 0xffffffff
    x ^= x >> 16; x = x * 0x85ebca6b & 0xffffffff
    x ^= x >> 13; x = x * 0xc2b2ae35 & 0xffffffff
    return x ^ x >> 16
def is_boundary(h, level): return mix(h + level * 0x9e3779b1) & 63 == 0
def fnv1a(name):
    h = 0x811c9dc5
    for c in name: h = (h ^ c) * 0x01000193 & 0xffffffff
    return h
def cuts(hs, level):
    """the sizes of the nodes into which rows with these h are cut"""
    out = []; held = 0
    for h in hs:
        held += 1
        if (held >= 16 and is_boundary(h, level)) or held == 256: out.append(held); held = 0
    if held or not out: out.append(held)
    return out

class Reader:
    def __init__(self, objects): self.o = objects; self.used = set(); self.depths = {}; self.checked = set()
    def get(self, kind, ident):
        need((kind, ident) in self.o, 'missing', KINDS[kind], ident.hex())
        self.used.add((kind, ident))
        return self.o[(kind, ident)]

    # lists
    def list_node(self, b):
        fmt, level, n = struct.unpack_from('<BBH', b, 0)
        need(fmt == 1, 'list format'); need(level < 12, 'list level'); need(n <= 256, 'list rows')
        p = 4
        ids = [b[p+32*i:p+32*i+32] for i in range(n)]; p += 32*n
        if level == 0:
            lens = struct.unpack_from('<%dI' % n, b, p); p += 4*n
            need(p == len(b), 'list length')
            for l in lens: need(1 <= l <= 2**20, 'chunk length', l)
            return 0, [(i, l, struct.unpack('<I', i[:4])[0]) for i, l in zip(ids, lens)]
        totals = struct.unpack_from('<%dQ' % n, b, p); p += 8*n
        hs = struct.unpack_from('<%dI' % n, b, p); p += 4*n
        need(p == len(b), 'list length')
        return level, list(zip(ids, totals, hs))

    def read_list(self, root):
        """chunks (id, length) in order; checks totals, h and the cuts of each level"""
        level, rows = self.list_node(root)
        self.depths['list'] = max(self.depths.get('list', 0), level)
        sizes = [len(rows)]
        need(level == 0 or len(rows) > 1, 'root of one row')
        top = level
        while True:
            # rows of this level; check cuts
            need(cuts([r[2] for r in rows], level) == sizes, 'list cuts at level', level, cuts([r[2] for r in rows], level), sizes)
            if level == 0: return [(r[0], r[1]) for r in rows]
            below = []; nsizes = []
            for i, total, h in rows:
                l, rr = self.list_node(self.get(2, i))
                need(l == level - 1, 'list level step'); need(rr, 'empty list node')
                need(sum(r[1] for r in rr) == total and rr[-1][2] == h, 'list totals')
                below += rr; nsizes.append(len(rr))
            rows, sizes, level = below, nsizes, level - 1

    # manifests
    def file(self, ident):
        b = self.get(3, ident)
        fmt, profile, zero, s, size = struct.unpack_from('<BBHIQ', b, 0)
        need(fmt == 1 and profile <= 3 and zero == 0 and s <= 65536 and size <= MAX53, 'manifest header')
        whole = b[16:48]; p = 48; segs = []
        for _ in range(s):
            t, codec, pl, z, fsize, stored = struct.unpack_from('<BBHIQQ', b, p)
            need(z == 0, 'segment'); p += 24; params = b[p:p+pl]; p += pl
            segs.append((t, codec, fsize, stored, params))
            need(t in (0, 1), 'segment type')
            if t == 0: need(codec == 0 and pl == 0 and fsize == stored, 'segment type 0')
        chunks = self.read_list(b[p:])
        if not segs: need(len(chunks) >= 2, 'manifest of one chunk')
        stream = b''.join(self.chunk(i, l) for i, l in chunks)
        need(not segs, 'segments: not supported by any version')
        need(len(stream) == size, 'manifest size')
        return stream, whole, profile

    def chunk(self, i, l=None):
        c = self.get(1, i)
        need(l is None or len(c) == l, 'chunk length')
        return c

    # trees
    def tree_node(self, b):
        fmt, level, n = struct.unpack_from('<BBH', b, 0)
        need(fmt == 1 and level < 12 and n <= 256, 'tree header'); p = 4
        if level == 0:
            flags = b[p:p+n]; p += n
            size = struct.unpack_from('<%dQ' % n, b, p); p += 8*n
            nl = struct.unpack_from('<%dH' % n, b, p); p += 2*n
            names = []
            for l in nl: names.append(b[p:p+l]); p += l
            ids = [b[p+32*i:p+32*i+32] for i in range(n)]; p += 32*n
            hashes = [None]*n; mt = [None]*n
            for i in range(n):
                if flags[i] & 4: hashes[i] = b[p:p+32]; p += 32
            for i in range(n):
                if flags[i] & 8: mt[i] = struct.unpack_from('<q', b, p)[0]; p += 8
            need(p == len(b), 'tree length')
            rows = []
            for i in range(n):
                kind = flags[i] & 3
                need(flags[i] < 16, 'flags'); need(not flags[i] & 12 or kind < 2, 'flags of kind')
                if kind < 3 and not flags[i] & 4: need(size[i] <= 2**20, 'chunk entry size')
                check_name(names[i])
                rows.append(dict(name=names[i], kind=kind, manifest=bool(flags[i] & 4), size=size[i], id=ids[i], hash=hashes[i], mtime=mt[i]))
            return 0, rows
        totals = struct.unpack_from('<%dQ' % n, b, p); p += 8*n
        counts = struct.unpack_from('<%dI' % n, b, p); p += 4*n
        nl = struct.unpack_from('<%dH' % n, b, p); p += 2*n
        names = []
        for l in nl: names.append(b[p:p+l]); p += l
        ids = [b[p+32*i:p+32*i+32] for i in range(n)]; p += 32*n
        need(p == len(b), 'tree length')
        return level, [dict(total=totals[i], count=counts[i], name=names[i], id=ids[i]) for i in range(n)]

    def tree(self, ident):
        level, rows = self.tree_node(self.get(4, ident))
        self.depths['tree'] = max(self.depths.get('tree', 0), level)
        need(level == 0 or len(rows) > 1, 'root of one row')
        sizes = [len(rows)]
        while True:
            want = cuts([fnv1a(r['name']) for r in rows], level)
            need(want == sizes, 'tree cuts at level', level, want, sizes)
            if level == 0: break
            below = []; nsizes = []
            for r in rows:
                l, rr = self.tree_node(self.get(4, r['id']))
                need(l == level - 1 and rr, 'tree level step')
                if l == 0: need(sum(x['size'] for x in rr) == r['total'] and len(rr) == r['count'], 'tree totals')
                else: need(sum(x['total'] for x in rr) == r['total'] and sum(x['count'] for x in rr) == r['count'], 'tree totals')
                need(rr[-1]['name'] == r['name'], 'tree last name')
                below += rr; nsizes.append(len(rr))
            rows, sizes, level = below, nsizes, level - 1
        names = [r['name'] for r in rows]
        need(names == sorted(set(names)), 'tree order')
        return rows

    def walk(self, ident, prefix=b''):
        """yields (path, entry, content) and returns nothing; checks directory sizes"""
        for e in self.tree(ident):
            path = prefix + e['name']
            if e['kind'] == 3:
                yield path, e, None
                total = sum(x['size'] for x in self.tree(e['id']))
                need(total == e['size'], 'directory size', path)
                yield from self.walk(e['id'], path + b'/')
            elif e['manifest']:
                content, whole, profile = self.file(e['id'])
                need(whole == e['hash'] and len(content) == e['size'], 'entry and manifest', path)
                yield path, e, content
            else:
                content = self.chunk(e['id'], e['size'])
                yield path, e, content

def check_name(n):
    need(1 <= len(n) <= 1024 and b'\0' not in n and b'/' not in n, 'name', n)
    need(n not in (b'.', b'..') and n.lower() != b'.dits', 'name', n)

def unpack(b):
    v, p = _unpack(b, 0, 0); need(p == len(b), 'bytes after msgpack'); need(pack(v) == b, 'not canonical msgpack'); return v
def _unpack(b, p, depth):
    need(depth < 8, 'depth'); c = b[p]; p += 1
    if c < 0x80: return c, p
    if c >= 0xe0: return c - 256, p
    if 0x90 <= c <= 0x9f: return _arr(b, p, c & 15, depth)
    if 0xa0 <= c <= 0xbf: return _str(b, p, c & 31)
    if c == 0xc0: return None, p
    if c in (0xc4, 0xc5, 0xc6):
        w = 1 << (c - 0xc4); n = int.from_bytes(b[p:p+w], 'big'); p += w
        need(p + n <= len(b), 'bin'); return b[p:p+n], p + n
    if c in (0xcc, 0xcd, 0xce, 0xcf): w = 1 << (c - 0xcc); return int.from_bytes(b[p:p+w], 'big'), p + w
    if c in (0xd0, 0xd1, 0xd2, 0xd3): w = 1 << (c - 0xd0); return int.from_bytes(b[p:p+w], 'big', signed=True), p + w
    if c in (0xd9, 0xda, 0xdb): w = 1 << (c - 0xd9); return _str(b, p + w, int.from_bytes(b[p:p+w], 'big'))
    if c in (0xdc, 0xdd): w = 2 << (c - 0xdc); return _arr(b, p + w, int.from_bytes(b[p:p+w], 'big'), depth)
    raise Damage('msgpack type %x' % c)
def _arr(b, p, n, depth):
    out = []
    for _ in range(n): v, p = _unpack(b, p, depth + 1); out.append(v)
    return out, p
def _str(b, p, n): return b[p:p+n].decode('utf-8', 'strict'), p + n
def pack(v):
    if v is None: return b'\xc0'
    if isinstance(v, int):
        if 0 <= v < 128: return bytes([v])
        if -32 <= v < 0: return bytes([v + 256])
        if v > 0:
            if v < 2**8: return b'\xcc' + v.to_bytes(1, 'big')
            if v < 2**16: return b'\xcd' + v.to_bytes(2, 'big')
            if v < 2**32: return b'\xce' + v.to_bytes(4, 'big')
            return b'\xd3' + v.to_bytes(8, 'big')
        if v >= -2**7: return b'\xd0' + v.to_bytes(1, 'big', signed=True)
        if v >= -2**15: return b'\xd1' + v.to_bytes(2, 'big', signed=True)
        if v >= -2**31: return b'\xd2' + v.to_bytes(4, 'big', signed=True)
        return b'\xd3' + v.to_bytes(8, 'big', signed=True)
    if isinstance(v, bytes):
        n = len(v); c = 0 if n < 256 else 1 if n < 65536 else 2
        return bytes([0xc4 + c]) + n.to_bytes(1 << c, 'big') + v
    if isinstance(v, str):
        e = v.encode(); n = len(e)
        if n < 32: return bytes([0xa0 + n]) + e
        c = 0 if n < 256 else 1 if n < 65536 else 2
        return bytes([0xd9 + c]) + n.to_bytes(1 << c, 'big') + e
    n = len(v)
    head = bytes([0x90 + n]) if n < 16 else b'\xdc' + n.to_bytes(2, 'big') if n < 65536 else b'\xdd' + n.to_bytes(4, 'big')
    return head + b''.join(pack(x) for x in v)

def person(v):
    need(isinstance(v, list) and len(v) == 4, 'person'); name, email, t, z = v
    need(isinstance(name, str) and isinstance(email, str) and isinstance(t, int) and isinstance(z, int), 'person types')
    for s in (name, email): need(not re.search('[\0\n\r<>]', s), 'person text')
    need(abs(t) <= MAX53 and abs(z) <= 1440, 'person time')
    return dict(name=name, email=email, time=t, zone=z)
def commit(b):
    v = unpack(b); need(isinstance(v, list) and len(v) == 7 and v[0] == 1, 'commit')
    need(len(v[1]) == 32 and len(v[2]) <= 64 and all(isinstance(p, bytes) and len(p) == 32 for p in v[2]), 'commit ids')
    need(isinstance(v[5], str) and (v[6] is None or len(v[6]) == 96), 'commit message/signature')
    return dict(tree=v[1], parents=v[2], author=person(v[3]), committer=person(v[4]), message=v[5], signature=v[6])
def tag(b):
    v = unpack(b); need(isinstance(v, list) and len(v) == 7 and v[0] == 1 and v[1] in KINDS, 'tag')
    need(len(v[2]) == 32 and v[3] and not re.search('[\0\n\r]', v[3]), 'tag fields')
    return dict(kind=v[1], target=v[2], name=v[3], tagger=person(v[4]), message=v[5], signature=v[6])

PART = re.compile(r'(?:[A-Za-z0-9._-]|%[0-9A-F]{2})+')
def ref_name(key):
    """the name of a key below refs/, or None where it is not a ref's"""
    bits = key.split('/')
    # pieces: a part ends with '%' where it goes on as the next part, with '%%' where the same part goes on
    if len(bits) < 3: return None
    first, rest = bits[:2], bits[2:]
    parts, cur = [], ''
    for i, s in enumerate(rest):
        last = i == len(rest) - 1
        if s.endswith('%%') and not last: cur += s[:-2]
        elif s.endswith('%') and not last: parts.append(cur + s[:-1]); cur = ''
        elif last: parts.append(cur + s)
        else: return None
    for s in parts:
        if not PART.fullmatch(s): return None
    name = b'/'.join([x.encode() for x in first] + [re.sub(rb'%([0-9A-F]{2})', lambda m: bytes([int(m[1], 16)]), s.encode()) for s in parts])
    if ref_key(name) != key: return None
    return name
def ref_key(name):
    parts = name.split(b'/')
    esc = [''.join(chr(c) if re.match(rb'[A-Za-z0-9._-]', bytes([c])) else '%%%02X' % c for c in p) for p in parts]
    esc = ['%%/'.join(p[i:i+200] for i in range(0, len(p), 200)) for p in esc]
    return '/'.join(esc[:3]) + ''.join('%/' + p for p in esc[3:])
def read_refs(dits):
    refs = {}; deleted = []; passed = []
    base = os.path.join(dits, 'refs')
    for d, _, files in os.walk(base):
        for f in files:
            key = os.path.relpath(os.path.join(d, f), dits)
            if key.endswith('.lock'): passed.append(key); continue
            name = ref_name(key)
            if name is None: passed.append(key); continue
            v = open(os.path.join(d, f), 'rb').read()
            if v == b'deleted\n': deleted.append(name); continue
            need(re.fullmatch(rb'[0-9a-f]{64}\n', v), 'ref damaged', name)
            refs[name] = bytes.fromhex(v[:64].decode())
    return refs, deleted, passed
def read_head(dits, refs):
    v = open(os.path.join(dits, 'HEAD'), 'rb').read()
    m = re.fullmatch(rb'ref: (refs/heads/.+)\n', v)
    if m: return m[1], refs.get(m[1])
    need(re.fullmatch(rb'[0-9a-f]{64}\n', v), 'HEAD'); return None, bytes.fromhex(v[:64].decode())

def read_lookups(dits, packs):
    d = os.path.join(dits, 'lookup'); tables = 0
    for name in sorted(os.listdir(d)) if os.path.isdir(d) else []:
        need(re.fullmatch('[0-9a-f]{24}', name), 'lookup name', name)
        b = open(os.path.join(d, name), 'rb').read()
        need(b[:8] == b'DITSLOOK', 'lookup magic')
        version, head, p, n, bits, zero = struct.unpack_from('<6I', b, 8)
        need(version == 1 and zero == 0 and p <= 65536 and n <= 2**22 and bits <= 12, 'lookup head')
        need(b3(b[:head - 32]) == b[head - 32:head].hex(), 'lookup hash')
        k = 2 ** bits; at = 32
        ends = struct.unpack_from('<%dI' % k, b, at); at += 4 * k
        checks = struct.unpack_from('<%dI' % k, b, at); at += 4 * k
        counts = struct.unpack_from('<%dI' % p, b, at); at += 4 * p
        names = b[at:head - 32].decode().split('\n'); need(names.pop() == '' and len(names) == p, 'lookup names')
        need(len(b) == head + 6 * n, 'lookup length')
        rows = [b[head + 6 * i:head + 6 * i + 6] for i in range(n)]
        need(rows == sorted(set(rows)), 'lookup order')
        for i in range(k):
            need(ends[i] == sum(1 for r in rows if int.from_bytes(r[:4], 'big') >> (32 - bits) <= i), 'lookup end', i)
            need(zlib.crc32(b''.join(rows[ends[i-1] if i else 0:ends[i]])) == checks[i], 'lookup check', i)
        for i, stem in enumerate(names):
            if stem not in packs: continue
            need(counts[i] == packs[stem][0], 'lookup count of pack', stem)
            need(packs[stem][1] <= {r[:4] for r in rows if int.from_bytes(r[4:], 'big') == i}, 'lookup rows of pack', stem)
        tables += 1
    return tables

def read_config(dits):
    p = os.path.join(dits, 'config'); out = {}
    if not os.path.exists(p): return out
    text = open(p, 'rb').read().decode('utf-8')
    if text.startswith('\ufeff'): text = text[1:]
    for line in text.split('\n'):
        line = line.strip()
        if not line or line.startswith('#'): continue
        need('=' in line, 'config line', line)
        k, v = line.split('=', 1); k = k.strip(); v = v.strip()
        need(re.fullmatch(r'[A-Za-z][A-Za-z0-9_-]*(\.[^\s."=#]+)+', k), 'config key', k)
        out[k] = json.loads(v) if v.startswith('"') else v
    return out
def read_oplog(dits):
    d = os.path.join(dits, 'oplog'); recs = []
    first = 1
    fp = os.path.join(dits, 'oplog-first')
    if os.path.exists(fp):
        v = open(fp, 'rb').read(); need(re.fullmatch(rb'\d{12}\n', v), 'oplog-first'); first = int(v)
    nums = sorted(int(n) for n in os.listdir(d) if re.fullmatch(r'\d{12}', n)) if os.path.isdir(d) else []
    nums = [n for n in nums if n >= first]
    need(nums == list(range(first, first + len(nums))), 'oplog gaps', nums)
    for n in nums:
        v = open(os.path.join(d, '%012d' % n), 'rb').read()
        m = re.fullmatch(rb'([^\n]*)\n([0-9a-f]{64})\n', v); need(m, 'oplog record', n)
        need(b3(m[1]).encode() == m[2], 'oplog hash', n)
        r = json.loads(m[1]); need(r['format'] == 1 and r['seq'] == n, 'oplog fields', n)
        unknown = set(r) - {'format','seq','timeMs','command','head','refs','staged','worktree','disk','merge','saved','undoes'}
        need(not unknown, 'oplog unknown fields', unknown)
        for f in ('timeMs', 'command', 'head', 'refs', 'staged'): need(f in r, 'oplog lacks', f)
        recs.append(r)
    return recs
def read_merge(dits):
    p = os.path.join(dits, 'merge')
    if not os.path.exists(p): return None
    v = open(p, 'rb').read(); h, j = v.split(b'\n', 1)
    need(b3(j).encode() == h, 'merge hash'); return json.loads(j)

def path_key(path): return path.replace(b'/', b'\0')  # '/' below every other byte; names have no zero byte
def read_windex(dits, reader):
    p = os.path.join(dits, 'index')
    if not os.path.exists(p): return None
    b = open(p, 'rb').read()
    need(b[:8] == b'DITSINDX', 'index magic')
    version, n, f, h, t, zero, e, g, written = struct.unpack_from('<8Id', b, 8)
    need(version in (1, 2) and f >= 1 and zero == 0 and b[48:64] == bytes(16), 'index header')
    at = 64
    def col(fmt, k):
        nonlocal at
        s = struct.Struct('<%d%s' % (k, fmt)); v = s.unpack_from(b, at); at += s.size; return v
    def ids(k):
        nonlocal at
        v = [b[at+32*i:at+32*i+32] for i in range(k)]; at += 32*k; return v
    flags = col('B', n); folder = col('I', n); nend = col('I', n); size = col('Q', n); eid = ids(n); hashes = ids(h)
    tm = col('q', t); mtime = col('d', n); ctime = col('d', n); ino = col('d', n); mode = col('I', n)
    known = col('B', f); parent = col('I', f); first = col('I', f); fend = col('I', f); fbytes = col('Q', f); fid = ids(f)
    enames = b[at:at+e]; at += e; gnames = b[at:at+g]; at += g
    need(b[at:].hex() == b3(b[:at]) and len(b) == at + 32, 'index hash')
    need((version == 2) == any(x & 32 for x in flags), 'index version')
    need(h == sum(1 for x in flags if x & 4) and t == sum(1 for x in flags if x & 8), 'index counts')
    paths = [b'']
    for i in range(1, f):
        nm = gnames[fend[i-1]:fend[i]]; check_name(nm); need(parent[i] < i, 'folder parent')
        paths.append((paths[parent[i]] + b'/' if paths[parent[i]] else b'') + nm)
    need(fend[0] == 0 and fend[-1] == g, 'folder names')
    out = []; hi = ti = 0; s = 0
    for i in range(n):
        nm = enames[s:nend[i]]; s = nend[i]; check_name(nm); need(flags[i] < (64 if version == 2 else 32) and (not flags[i] & 32 or flags[i] & 3 < 2), 'index flags')
        fp = paths[folder[i]]
        hh = None; mm = None
        if flags[i] & 4: hh = hashes[hi]; hi += 1
        if flags[i] & 8: mm = tm[ti]; ti += 1
        out.append(dict(path=(fp + b'/' if fp else b'') + nm, kind=flags[i] & 3, manifest=bool(flags[i] & 4), size=size[i], id=eid[i], hash=hh, mtime=mm, stat=(mtime[i], ctime[i], ino[i], mode[i]) if flags[i] & 16 else None, folder=folder[i]))
    need(s == e, 'entry names')
    ps = [path_key(x['path']) for x in out]; need(ps == sorted(set(ps)), 'index order')
    # folders numbered as met; first entry below; known trees agree with the entries
    met = {b'': 0}; firsts = {b'': 0}
    for i, x in enumerate(out):
        bits = x['path'].split(b'/')[:-1]
        for k in range(1, len(bits) + 1):
            q = b'/'.join(bits[:k])
            if q not in met: met[q] = len(met); firsts[q] = i
    need([p for p, _ in sorted(met.items(), key=lambda kv: kv[1])] == paths, 'folders numbered as met')
    for i, p in enumerate(paths): need(first[i] == firsts[p], 'first entry', p, first[i], firsts[p])
    for i, p in enumerate(paths):
        if not known[i]: need(fbytes[i] == 0 and fid[i] == bytes(32), 'unknown folder is zero'); continue
        below = [x for x in out if not p or x['path'].startswith(p + b'/')]
        need(sum(x['size'] for x in below) == fbytes[i], 'folder bytes', p)
        rows = reader.tree(fid[i])
        want = {}
        for x in below:
            rest = x['path'][len(p) + 1 if p else 0:]
            want.setdefault(rest.split(b'/')[0], []).append(x)
        need([r['name'] for r in rows] == sorted(want), 'folder tree names', p)
        for r in rows:
            xs = want[r['name']]
            if r['kind'] == 3: need(sum(x['size'] for x in xs) == r['size'], 'folder tree size')
            else: need(len(xs) == 1 and (xs[0]['id'], xs[0]['size'], xs[0]['hash'], xs[0]['mtime'], xs[0]['kind']) == (r['id'], r['size'], r['hash'], r['mtime'], r['kind']), 'folder tree entry', r['name'])
    return dict(entries=out, written=written, known=sum(known), folders=f)

def read_shallow(dits):
    p = os.path.join(dits, 'shallow')
    v = open(p, 'rb').read() if os.path.exists(p) else b''
    need(re.fullmatch(rb'([0-9a-f]{64}\n)*', v), 'shallow')
    ids = v.decode().split(); need(ids == sorted(set(ids)), 'shallow order')
    return {bytes.fromhex(i) for i in ids}

KEYS = re.compile(r'format|lookup/.*|packs/.*|refs/.*|oplog/\d{12}|oplog-first|HEAD|config|merge|shallow|index|tmp(/.*)?|lock|.*\.lock')
def check_keys(dits):
    need(open(os.path.join(dits, 'format'), 'rb').read() == b'dits repository, format 1\n', 'format')
    for d, _, files in os.walk(dits):
        for f in files:
            k = os.path.relpath(os.path.join(d, f), dits); need(KEYS.fullmatch(k), 'a key that FORMAT.md does not tell of', k)

def text(b): return b.decode('latin1')
def show(what, **fields): print(json.dumps(dict(what=what, **fields), sort_keys=True))

def roots(oplog, merge):
    """ids of commits and trees that operations and a merge in progress speak of"""
    commits, trees = set(), set()
    for o in oplog:
        ends = [r.get(k) for r in o['refs'] for k in ('before', 'after')]
        ends += [o['head'].get(k, {}).get('id') for k in ('before', 'after')]
        commits |= {e for e in ends if e}
        trees |= {o[f][k] for f in ('staged', 'disk') for k in ('before', 'after') if k in o.get(f, {})}
        if 'saved' in o: trees.add(o['saved'])
    if merge:
        commits |= set(merge['heads']) | set(merge['request']) | set(merge['todo']) | ({merge['head']} if 'head' in merge else set())
        trees |= {merge['disk'], merge['staged']}
    return {bytes.fromhex(c) for c in commits}, {bytes.fromhex(t) for t in trees}

def follow(r, ids, shallow):
    """every commit, tag and directory reached from ids"""
    commits, tags, trees = {}, {}, set(); todo = [(None, i) for i in ids]
    while todo:
        kind, i = todo.pop()
        if kind is None:
            kinds = [k for k in KINDS if (k, i) in r.o]; need(kinds, 'a ref to nothing', i.hex()); kind = kinds[0]
        if kind == 5 and i not in commits:
            c = commits[i] = commit(r.get(5, i)); trees.add(c['tree'])
            if i not in shallow: todo += [(5, p) for p in c['parents']]
        elif kind == 6 and i not in tags:
            t = tags[i] = tag(r.get(6, i)); todo.append((t['kind'], t['target']))
        elif kind == 4: trees.add(i)
    return commits, tags, trees

def main():
    dits = sys.argv[1]; stats = {}
    check_keys(dits)
    r = Reader(load_objects(dits, stats)); refs, deleted, _ = read_refs(dits); branch, at = read_head(dits, refs)
    tables = read_lookups(dits, stats['by_pack']); config = read_config(dits); oplog = read_oplog(dits); merge = read_merge(dits)
    commit_roots, trees = roots(oplog, merge)
    commits, tags, more = follow(r, set(refs.values()) | commit_roots | ({at} if at else set()), read_shallow(dits))
    show('HEAD', branch=text(branch) if branch else None, id=at.hex() if at else None)
    for name, i in sorted(refs.items()): show('ref', name=text(name), id=i.hex())
    for i, c in sorted(commits.items()):
        show('commit', id=i.hex(), tree=c['tree'].hex(), parents=[p.hex() for p in c['parents']], message=c['message'], author=c['author'], committer=c['committer'])
    for i, t in sorted(tags.items()): show('tag', id=i.hex(), target=t['target'].hex(), name=t['name'], message=t['message'])
    whole = {}
    for tree in sorted(trees | more):
        for path, e, content in r.walk(tree):
            if content is not None: whole[e['hash'] or e['id']] = content
            show('entry', tree=tree.hex(), path=text(path), kind=e['kind'], size=e['size'], id=e['id'].hex(), sha256=None if content is None else hashlib.sha256(content).hexdigest())
    for h, g in zip(whole, b3_many(list(whole.values()))): need(h.hex() == g, 'whole-file hash', h.hex())
    index = read_windex(dits, r)
    show('summary', oplog=len(oplog), merge=merge['command'] if merge else None, deleted=sorted(text(d) for d in deleted), packs=stats['packs'], lookups=tables,
         depths=r.depths, settings=len(config), staged=[text(x['path']) for x in index['entries']] if index else [])

if __name__ == '__main__':
    try:
        main()
    except Damage as problem:
        sys.exit('contradicts FORMAT.md: %s' % problem)
