package python

// cpuFile is where the build puts cpuScript, and onCPU runs it.
const (
	cpuFile = "/tmp/cpu.py"
	onCPU   = "python3 " + cpuFile + " " + venv
)

// skipScript makes pip ignore that packages need those for GPUs. pip reads the
// metadata of packages as it reads messages.
const skipScript = `
import re
from email.message import Message

get_all = Message.get_all
cuda = re.compile(r"` + cudaPackages + `", re.IGNORECASE)


def get_all_but_cuda(self, name, failobj=None):
    found = get_all(self, name, failobj)
    if name.lower() == "requires-dist" and found:
        return [text for text in found if not cuda.match(text)]
    return found


Message.get_all = get_all_but_cuda
`

// cpuScript makes PyTorch work without the packages for GPUs. Its own libraries are
// linked to CUDA's: in the place of each missing one it puts a library whose functions
// return cudaErrorNoDevice, or a text where their name says so. Then nothing reads the
// code for GPUs, which is most of libtorch_cuda.so: the pages of its section leave the
// file, and the loader maps zeros there. It ends with the proof that PyTorch works.
const cpuScript = `import mmap
import pathlib
import re
import struct
import subprocess
import sys

CUDA = re.compile(rb"lib(cu(dart|blas(Lt)?|dnn|fft|file|pti|rand|solver(Mg)?|sparse(Lt)?)|nccl|nvrtc|nvshmem_host|nvJitLink|nvToolsExt|nvjpeg)\.so[.\d]*$")
TEXTS = re.compile(rb"(String|Name|ncclGetLastError)$")
CODE = {  # return cudaErrorNoDevice; return the text that follows
    62: (b"\xb8d\0\0\0\xc3", b"\x48\x8d\x05\x09\0\0\0\xc3"),
    183: (struct.pack("<2I", 0x52800C80, 0xD65F03C0), struct.pack("<2I", 0x10000080, 0xD65F03C0)),
}
CHECK = """import torch
torch.nn.functional.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3))
torch.linalg.inv(torch.eye(2))
assert not torch.cuda.is_available()
"""


class Library:
    def __init__(self, path):
        self.path = path
        with path.open("rb") as f:
            self.data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        (self.machine,) = struct.unpack_from("<H", self.data, 18)
        self.programs, self.table = struct.unpack_from("<2Q", self.data, 32)
        _, self.program_count, _, count, names = struct.unpack_from("<5H", self.data, 54)
        table = [struct.unpack_from("<2I4Q2I2Q", self.data, self.table + i * 64) for i in range(count)]
        self.sections = {self.text(table[names][4] + s[0]): s for s in table}
        self.count, self.strings = count, self.sections.get(b".dynstr", [0] * 5)[4]

    def text(self, at):
        return self.data[at:self.data.find(b"\0", at)]

    def entries(self, name, form):
        s = self.sections.get(name)
        return struct.iter_unpack(form, self.data[s[4]:s[4] + s[5]]) if s else ()

    def needed(self):
        return [self.text(self.strings + value) for tag, value in self.entries(b".dynamic", "<2Q") if tag == 1]

    def versions(self):
        out, at = {}, self.sections.get(b".gnu.version_r", [0] * 5)[4]
        while at:
            _, count, file, first, step = struct.unpack_from("<2H3I", self.data, at)
            need = at + first
            for _ in range(count):
                _, _, number, name, after = struct.unpack_from("<I2H2I", self.data, need)
                out[number] = self.text(self.strings + file), self.text(self.strings + name)
                need += after
            at = at + step if step else 0
        return out

    def lacks(self):
        versions = self.versions()
        numbers = [n & 0x7FFF for (n,) in self.entries(b".gnu.version", "<H")]
        for i, (name, info, _, section, _, _) in enumerate(self.entries(b".dynsym", "<I2BH2Q")):
            if section == 0 and info >> 4 == 1:
                file, version = versions.get(numbers[i], (b"", b"")) if numbers else (b"", b"")
                yield self.text(self.strings + name), info & 15 == 1, file, version


def digest(name):
    h = 0
    for c in name:
        h = (h << 4) + c
        h = (h ^ (h >> 24 & 0xF0)) & 0xFFFFFFF
    return h


def stub(soname, symbols, machine):
    strings, at = bytearray(b"\0"), {}
    versions = sorted({v for _, _, v in symbols if v})
    for text in [soname, *versions, *sorted({name for name, _, _ in symbols})]:
        at[text] = len(strings)
        strings += text + b"\0"
    symbols, number = sorted(symbols), {b"": 1, **{v: i + 2 for i, v in enumerate(versions)}}
    count, buckets = len(symbols) + 1, 2 * len(symbols) + 1
    heads, chain = [0] * buckets, [0] * count
    for i, (name, _, _) in enumerate(symbols, 1):
        slot = digest(name) % buckets
        chain[i], heads[slot] = heads[slot], i
    fail, text = CODE[machine]
    parts = {
        "hash": struct.pack(f"<2I{buckets}I{count}I", buckets, count, *heads, *chain),
        "symbols": bytes(24 * count),
        "numbers": struct.pack(f"<{count}H", 0, *(number[v] for _, _, v in symbols)),
        "versions": b"".join(
            struct.pack("<4H5I", 1, int(i == 1), i, 1, digest(v), 20, 28 * (i <= len(versions)), at[v], 0) for i, v in enumerate([soname, *versions], 1)
        ),
        "code": fail.ljust(16, b"\0") + text.ljust(16, b"\0") + b"no device\0",
        "strings": bytes(strings),
    }
    start, body = {}, bytearray(64 + 4 * 56)
    for name, part in parts.items():
        body += bytes(-len(body) % 16)
        start[name] = len(body)
        body += part
    body += bytes(-len(body) % 16)
    size, far = len(body), 0x10000
    dynamic = [(14, at[soname]), (4, start["hash"]), (5, start["strings"]), (6, start["symbols"]), (10, len(strings)), (11, 24),
               (0x6FFFFFF0, start["numbers"]), (0x6FFFFFFC, start["versions"]), (0x6FFFFFFD, len(versions) + 1), (0, 0)]
    data = size + far + 16 * len(dynamic)
    for i, (name, is_data, _) in enumerate(symbols, 1):
        value = data if is_data else start["code"] + (16 if TEXTS.search(name) else 0)
        struct.pack_into("<I2BH2Q", body, start["symbols"] + 24 * i, at[name], 0x11 if is_data else 0x12, 0, 1, value, 16)
    body += b"".join(struct.pack("<2Q", *d) for d in dynamic) + bytes(256)
    struct.pack_into("<16s2HI3QI6H", body, 0, b"\x7fELF\x02\x01\x01", 3, machine, 1, 0, 64, 0, 0, 64, 56, 4, 64, 0, 0)
    for i, (kind, flags, offset, length) in enumerate([(1, 5, 0, size), (1, 6, size, len(body) - size), (2, 6, size, 16 * len(dynamic)), (0x6474E551, 6, 0, 0)]):
        address = offset + (far if offset else 0)
        struct.pack_into("<2I6Q", body, 64 + 56 * i, kind, flags, offset, address, address, length, length, far if kind == 1 else 8)
    return bytes(body)


def hollow(lib):
    programs = [list(struct.unpack_from("<2I6Q", lib.data, lib.programs + i * 56)) for i in range(lib.program_count)]
    page = max(p[7] for p in programs if p[0] == 1)
    cuts = []
    for name in b".nv_fatbin", b"__nv_relfatbin":
        s = lib.sections.get(name)
        if s:
            begin, end = s[4] + -s[4] % page, (s[4] + s[5]) // page * page
            whole = next((p for p in programs if p[0] == 1 and p[2] <= begin < end <= p[2] + p[5]), None)
            if whole:
                begin += page if begin == whole[2] else 0
                cuts.append((begin, end))
                i, to = programs.index(whole), whole[3] - whole[2]
                rest = whole[2] - end
                programs.insert(i + 1, [1, whole[1], end, end + to, end + to, rest + whole[5], rest + whole[6], page])
                whole[5], whole[6] = begin - whole[2], end - whole[2]
    if not cuts:
        return 0

    def moved(offset):
        return offset - sum(end - begin for begin, end in cuts if end <= offset)

    for p in [p for p in programs if p[0] in (4, 0x6474E553)][:len(programs) - lib.program_count]:
        programs.remove(p)  # a note, whose place is needed
    inside = len(programs) <= lib.program_count
    for p in programs:
        p[2] = moved(p[2])
        p[0] = 0 if p[0] == 6 and not inside else p[0]
    at, new = 0, lib.path.with_name(lib.path.name + ".new")
    with new.open("w+b") as f:
        for begin, end in sorted(cuts) + [(len(lib.data), len(lib.data))]:
            f.write(memoryview(lib.data)[at:begin])
            at = end
        f.write(bytes(-f.tell() % 8))
        table = lib.programs if inside else f.tell()
        f.seek(table)
        f.write(b"".join(struct.pack("<2I6Q", *p) for p in programs))
        f.seek(32)
        f.write(struct.pack("<2Q", table, moved(lib.table)))
        f.seek(56)
        f.write(struct.pack("<H", len(programs)))
        for i in range(lib.count):
            s = list(struct.unpack_from("<2I4Q2I2Q", lib.data, lib.table + i * 64))
            s[1] = 8 if any(s[4] <= begin and end <= s[4] + s[5] for begin, end in cuts) else s[1]
            s[4] = moved(s[4])
            f.seek(moved(lib.table) + i * 64)
            f.write(struct.pack("<2I4Q2I2Q", *s))
    new.chmod(lib.path.stat().st_mode)
    new.replace(lib.path)
    return sum(end - begin for begin, end in cuts)


def main(root):
    files = [f for f in root.rglob("*.so*") if f.is_file() and not f.is_symlink()]
    here = {f.name.encode() for f in files}
    libraries, wanted, needed = {}, {}, set()
    for file in files:
        with file.open("rb") as f:
            head = f.read(20)
        if head[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", head, 18)[0] not in CODE:
            continue
        lib = Library(file)
        needed.update(lib.needed())
        missing = [n for n in lib.needed() if CUDA.match(n) and n not in here]
        if missing:
            libraries[lib] = missing
            for name in missing:
                wanted.setdefault(name, set())
    for lib, missing in libraries.items():
        for name, is_data, file, version in lib.lacks():
            for soname in missing:
                if file == soname or not file and name.lower().startswith(soname[3:soname.index(b".so")].lower()):
                    wanted[soname].add((name, is_data, version))
    if not wanted:
        return
    target = next(f.parent for f in files if f.name == "libtorch_cpu.so")
    for soname, symbols in wanted.items():
        (target / soname.decode()).write_bytes(stub(soname, symbols, next(iter(libraries)).machine))
    for file in target.glob("libgfortran.so*"):  # of torch 2.15.0, which is not linked to it; it lacks a library itself
        if file.name.encode() not in needed:
            file.unlink()
    saved = sum(hollow(lib) for lib in libraries)
    print(f"PyTorch without CUDA: {len(wanted)} placeholders for its libraries, {saved // 1000000} MB of GPU code removed")


venv = pathlib.Path(sys.argv[1])
if any(venv.glob("lib/python3*/site-packages/torch/lib")):
    main(venv / "lib")
    beside = [m for m in ("torchvision", "torchaudio") if any(venv.glob(f"lib/python3*/site-packages/{m}"))]
    for check in [CHECK, *(f"import torch, {m}" for m in beside)]:
        if subprocess.run([venv / "bin/python", "-I", "-B", "-W", "ignore", "-c", check]).returncode:
            sys.exit("PyTorch does not work without CUDA's packages; write gpu: true for the service in slipway.yaml")
`
