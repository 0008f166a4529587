"""RPM metadata as dnf and zypper read it: primary, filelists, other, and a signed repomd.xml.

createrepo_c would write the same; it is a library under another licence that EL itself ships in a dozen versions, and what is
needed of it is this page. The tests have dnf and createrepo_c's own parser read what is written here.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from staddle.repo.rpm import Header, header_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from staddle.repo.index_cache import Entry
    from staddle.repo.signing import Signer

NAME, VERSION, RELEASE, EPOCH, SUMMARY, DESCRIPTION, BUILD_TIME, BUILD_HOST = range(1000, 1008)
SIZE, VENDOR, LICENSE, PACKAGER, GROUP, URL, ARCH = 1009, 1011, 1014, 1015, 1016, 1020, 1022
FILE_MODES, FILE_FLAGS, SOURCE_RPM, LONG_SIZE = 1030, 1037, 1044, 5009
DIR_INDEXES, BASE_NAMES, DIR_NAMES = 1116, 1117, 1118
CHANGE_TIME, CHANGE_NAME, CHANGE_TEXT = 1080, 1081, 1082
RELATIONS = {
    "provides": (1047, 1112, 1113),
    "requires": (1049, 1048, 1050),
    "conflicts": (1054, 1053, 1055),
    "obsoletes": (1090, 1114, 1115),
    "recommends": (5046, 5048, 5047),
    "suggests": (5049, 5051, 5050),
    "supplements": (5052, 5054, 5053),
    "enhances": (5055, 5057, 5056),
}
"""What a package says of others: the tags of names, flags and versions."""
COMPARISONS = {2: "LT", 4: "GT", 8: "EQ", 10: "LE", 12: "GE"}
BEFORE = 64 | 512 | 1024
"""Needed already while it is being installed: prerequisite, or wanted by its %pre or %post."""
BY_RPM_ITSELF = 1 << 24
GHOST, IS_DIRECTORY = 64, 0o040000
CHANGES = 10
"""Entries of the changelog that are worth a place in the metadata, as createrepo_c has it."""
_MAIN_FILES = re.compile(r"^/etc/|bin/|^/usr/lib/sendmail$")
"""Files that other packages may require by name, and are listed in primary for it."""
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_HREF, _SHA256, _BYTES = "\x01href\x01", "\x01sha256\x01", "\x01size\x01"
"""Stand where the place, hash and size of a package will be: characters that XML can't have."""
_SPACES = {
    "primary": (
        "metadata",
        'xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm"',
    ),
    "filelists": ("filelists", 'xmlns="http://linux.duke.edu/metadata/filelists"'),
    "other": ("otherdata", 'xmlns="http://linux.duke.edu/metadata/other"'),
}


def read(path: str, descriptor: int) -> dict[str, str]:
    """What the metadata say of a package: its element in each of the three files. Raises RepoError."""
    header = header_of(path, descriptor)
    files = list(_files(header))
    return {"primary": _primary(header, files), "filelists": _filelists(header, files), "other": _other(header)}


def repodata(located: Mapping[str, Entry], signer: Signer, now: int) -> dict[str, bytes]:
    """The metadata of these packages, signed, by path below their repository."""
    files: dict[str, bytes] = {}
    rows = []
    for kind, (root, spaces) in _SPACES.items():
        elements = "".join(_filled(entry.data[kind], path, entry) for path, entry in sorted(located.items()))
        plain = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} {spaces} packages="{len(located)}">\n{elements}</{root}>\n'
        packer = zlib.compressobj(6, wbits=31)
        packed = packer.compress(plain.encode()) + packer.flush()
        path = f"repodata/{_hash(packed)}-{kind}.xml.gz"
        files[path] = packed
        rows.append(
            f'<data type="{kind}"><checksum type="sha256">{_hash(packed)}</checksum>'
            f'<open-checksum type="sha256">{_hash(plain.encode())}</open-checksum><location href="{path}"/>'
            f"<timestamp>{now}</timestamp><size>{len(packed)}</size><open-size>{len(plain.encode())}</open-size></data>\n"
        )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<repomd xmlns="http://linux.duke.edu/metadata/repo">\n'
    index = f"{head}<revision>{now}</revision>\n{''.join(rows)}</repomd>\n".encode()
    files["repodata/repomd.xml"] = index
    files["repodata/repomd.xml.asc"] = signer.detached([index], now).encode()
    files["repodata/repomd.xml.key"] = signer.public.encode()
    return files


def _filled(element: str, path: str, entry: Entry) -> str:
    filled = element.replace(_SHA256, entry.sha256).replace(_BYTES, str(entry.size))
    return filled.replace(_HREF, quoteattr(path))


def _primary(header: Header, files: Iterable[tuple[str, str]]) -> str:
    relations = "".join(_relation(header, kind) for kind in RELATIONS)
    main = "".join(_file(path, kind) for path, kind in files if _MAIN_FILES.search(path))
    installed, archive = header.number(SIZE, LONG_SIZE), header.payload
    built = header.number(BUILD_TIME)
    return (
        f'<package type="rpm">{_element("name", header.text(NAME))}{_element("arch", _arch(header))}{_version(header)}'
        f'<checksum type="sha256" pkgid="YES">{_SHA256}</checksum>'
        + "".join(
            _element(name, header.text(tag))
            for name, tag in (("summary", SUMMARY), ("description", DESCRIPTION), ("packager", PACKAGER), ("url", URL))
        )
        + f'<time file="{built}" build="{built}"/><size package="{_BYTES}" installed="{installed}" archive="{archive}"/>'
        f"<location href={_HREF}/><format>"
        + "".join(
            _element(f"rpm:{name}", header.text(tag))
            for name, tag in (
                *(("license", LICENSE), ("vendor", VENDOR), ("group", GROUP)),
                *(("buildhost", BUILD_HOST), ("sourcerpm", SOURCE_RPM)),
            )
        )
        + f'<rpm:header-range start="{header.start}" end="{header.end}"/>{relations}{main}</format></package>\n'
    )


def _filelists(header: Header, files: Iterable[tuple[str, str]]) -> str:
    return f"{_start(header)}{''.join(_file(path, kind) for path, kind in files)}</package>\n"


def _other(header: Header) -> str:
    changes = list(
        zip(header.numbers(CHANGE_TIME), header.texts(CHANGE_NAME), header.texts(CHANGE_TEXT), strict=False)
    )[:CHANGES]
    lines = "".join(
        f'<changelog author={_quoted(author)} date="{time}">{_text(text)}</changelog>'
        for time, author, text in reversed(changes)
    )
    return f"{_start(header)}{lines}</package>\n"


def _start(header: Header) -> str:
    name, arch = _quoted(header.text(NAME)), _quoted(_arch(header))
    return f'<package pkgid="{_SHA256}" name={name} arch={arch}>{_version(header)}'


def _version(header: Header) -> str:
    version, release = _quoted(header.text(VERSION)), _quoted(header.text(RELEASE))
    return f'<version epoch="{header.number(EPOCH)}" ver={version} rel={release}/>'


def _arch(header: Header) -> str:
    return header.text(ARCH) if header.text(SOURCE_RPM) else "src"


def _files(header: Header) -> Iterator[tuple[str, str]]:
    """Every path of the package, and what it is: "", `dir` or `ghost`."""
    folders, modes, flags = header.texts(DIR_NAMES), header.numbers(FILE_MODES), header.numbers(FILE_FLAGS)
    for index, (folder, name) in enumerate(zip(header.numbers(DIR_INDEXES), header.texts(BASE_NAMES), strict=False)):
        kind = "dir" if index < len(modes) and modes[index] & 0o170000 == IS_DIRECTORY else ""
        yield folders[folder] + name, "ghost" if index < len(flags) and flags[index] & GHOST else kind


def _relation(header: Header, kind: str) -> str:
    names, flags, versions = RELATIONS[kind]
    rows: dict[str, None] = {}
    own = _relation(header, "provides") if kind == "requires" else ""
    for name, flag, version in zip(header.texts(names), header.numbers(flags), header.texts(versions), strict=False):
        if kind == "requires" and (flag & BY_RPM_ITSELF or name.startswith("rpmlib(")):
            continue
        before = ' pre="1"' if kind == "requires" and flag & BEFORE else ""
        what = f"<rpm:entry name={_quoted(name)}{_comparison(flag, version)}"
        if f"{what}/>" not in own:  # what a package brings itself, nobody has to look for
            rows[f"{what}{before}/>"] = None
    return f"<rpm:{kind}>{''.join(rows)}</rpm:{kind}>" if rows else ""


def _comparison(flag: int, version: str) -> str:
    operator = COMPARISONS.get(flag & 14)
    if not operator or not version:
        return ""
    epoch, colon, rest = version.partition(":")
    number, dash, release = (rest if colon else version).rpartition("-")
    parts = f' flags="{operator}" epoch={_quoted(epoch if colon else "0")} ver={_quoted(number if dash else release)}'
    return parts + (f" rel={_quoted(release)}" if dash else "")


def _file(path: str, kind: str) -> str:
    return f'<file type="{kind}">{_text(path)}</file>' if kind else f"<file>{_text(path)}</file>"


def _element(name: str, text: str) -> str:
    return f"<{name}>{_text(text)}</{name}>"


def _text(text: str) -> str:
    return escape(_NO_XML.sub("", text))


def _quoted(text: str) -> str:
    return quoteattr(_NO_XML.sub("", text))


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
