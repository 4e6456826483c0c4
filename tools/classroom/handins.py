"""handins: finds what was handed in, and takes the sources out of it.

A hand-in is a folder, an archive or a single file, made by a stranger: nothing
of it is executed, no link in it is followed, no path in it is ever used, and
what is read is bounded.
"""

import bz2
import collections
import gzip
import io
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib

MOST_SOURCE = 1 << 20       # bytes of one source, as tests/sandbox/intake
MOST_SOURCES = 100          # sources in one folder, as there
MOST_CAUSE = 4000           # bytes of CAUSE.txt that are shown
MOST_ENTRIES = 20000        # files in one hand-in
MOST_UNPACKED = 256 << 20   # bytes that an archive may unpack to

ARCHIVE = re.compile(r'(?i)(.+?)\.(zip|tar|tar\.gz|tgz|tar\.bz2|tar\.xz)')
SOURCE = re.compile(r'(?i)(.+)\.([ch])')
OTHER_LANGUAGE = re.compile(r'(?i).+\.(cc|cpp|cxx|hh|hpp|s|inc|o|a|so)')
UNKNOWN_ARCHIVE = re.compile(r'(?i)(.+)\.(rar|7z|gz|xz|bz2|zst|iso|dmg)')

# One hand-in: its name, where it lies, and why it cannot be one (or '').
Handin = collections.namedtuple('Handin', 'name path trouble')

# What is to be graded: the files {name: bytes}, where they were found, what a
# reader should know about them, a sentence each, and the text of CAUSE.txt.
Found = collections.namedtuple('Found', 'files where notes cause')


class NoVerdict(Exception):
    """It cannot be said what is to be graded; the text says why."""


# --- the class ---

def hand_ins(folder):
    """Returns the hand-ins in a folder, by name.

    NAME/, NAME.zip, NAME.tar.gz and NAME.c are the hand-in of NAME. Two of one
    name are no verdict for either.
    """
    found = {}
    for entry in sorted(os.listdir(folder)):
        if entry.startswith('.') or entry == '__MACOSX':
            continue
        found.setdefault(name_of(folder, entry), []).append(entry)
    for name in sorted(found):
        entries = found[name]
        trouble = ''
        if len(entries) > 1:
            trouble = ('there is more than one hand-in of this name: %s'
                       % ', '.join(entries))
        yield Handin(name, os.path.join(folder, entries[0]), trouble)


def name_of(folder, entry):
    """Returns whose hand-in an entry is: its name without what packs it."""
    if os.path.isdir(os.path.join(folder, entry)):
        return entry
    match = (ARCHIVE.fullmatch(entry) or SOURCE.fullmatch(entry)
             or UNKNOWN_ARCHIVE.fullmatch(entry))
    return match.group(1) if match else entry


# --- one hand-in: its files, as (path, read) ---

def walk(path):
    """Yields the path and a function that reads, of each file in a hand-in.

    The paths are those that the student sees, from the hand-in's top. A
    function returns the bytes, or a word that says why there are none.
    """
    mode = os.lstat(path).st_mode
    base = os.path.basename(path)
    if stat.S_ISLNK(mode):
        raise NoVerdict('it is a symbolic link, which is not followed')
    if stat.S_ISDIR(mode):
        return walk_folder(path)
    if not stat.S_ISREG(mode):
        raise NoVerdict('it is neither a file nor a folder')
    if ARCHIVE.fullmatch(base):
        return walk_zip(path) if base.lower().endswith('.zip') \
            else walk_tar(path)
    if SOURCE.fullmatch(base):
        return [(base, lambda: read_file(path))]
    if UNKNOWN_ARCHIVE.fullmatch(base):
        raise NoVerdict('%s is packed in a way that is not known here: hand '
                        'in a folder, a .zip, a .tar.gz or a .c file' % base)
    raise NoVerdict('%s is neither a folder, a .zip, a .tar.gz nor a .c file'
                    % base)


def walk_folder(top):
    """Yields the files of a folder; it follows no link."""
    count = 0
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > MOST_ENTRIES:
                raise NoVerdict('it holds more than %d files' % MOST_ENTRIES)
            full = os.path.join(folder, name)
            yield os.path.relpath(full, top), lambda full=full: read_file(full)


def read_file(path):
    """Returns the bytes of a regular file, or why there are none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return 'a link, or not to be read'
    with os.fdopen(fd, 'rb') as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return 'not a regular file'
        return bounded(file.read(MOST_SOURCE + 1))


def bounded(data):
    """Returns the bytes, or why not: they are too many."""
    return data if len(data) <= MOST_SOURCE else 'larger than a mebibyte'


def walk_zip(path):
    """Yields the files of a zip archive."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise NoVerdict('the .zip cannot be read: %s' % error)
    with archive:
        members = archive.infolist()
        if len(members) > MOST_ENTRIES:
            raise NoVerdict('it holds more than %d files' % MOST_ENTRIES)
        for member in members:
            if not member.filename.endswith('/'):
                yield (member.filename.replace('\\', '/'),
                       lambda m=member: read_member(archive, m))


def read_member(archive, member):
    """Returns the bytes of a member of a zip archive, or why there are none."""
    if stat.S_ISLNK(member.external_attr >> 16):
        return 'a link, not a file'
    if member.flag_bits & 1:
        raise NoVerdict('the .zip needs a password')
    try:
        with archive.open(member) as file:
            return bounded(file.read(MOST_SOURCE + 1))
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError,
            NotImplementedError, RuntimeError) as error:
        raise NoVerdict('the .zip cannot be read: %s' % error)


class Bounded(io.RawIOBase):
    """What an archive unpacks to, up to MOST_UNPACKED bytes."""

    def __init__(self, file):
        super().__init__()
        self.file, self.left = file, MOST_UNPACKED

    def readable(self):
        """Says so, as io.RawIOBase asks."""
        return True

    def readinto(self, buffer):
        """Reads into the buffer; raises NoVerdict beyond the bound."""
        data = self.file.read(len(buffer))
        self.left -= len(data)
        if self.left < 0:
            raise NoVerdict('it unpacks to more than %d MiB'
                            % (MOST_UNPACKED >> 20))
        buffer[:len(data)] = data
        return len(data)


def walk_tar(path):
    """Yields the files of a tar archive, compressed in any usual way."""
    kinds = {b'\x1f\x8b': gzip.open, b'BZ': bz2.open, b'\xfd7': lzma.open}
    with open(path, 'rb') as file:
        opener = kinds.get(file.read(2), open)
    count = 0
    try:
        with opener(path, 'rb') as plain, \
                tarfile.open(fileobj=Bounded(plain), mode='r|') as archive:
            for member in archive:
                count += 1
                if count > MOST_ENTRIES:
                    raise NoVerdict('it holds more than %d files'
                                    % MOST_ENTRIES)
                if member.isdir():
                    continue
                data = 'a link, not a file'
                if member.isreg():
                    data = 'larger than a mebibyte'
                    if member.size <= MOST_SOURCE:
                        data = archive.extractfile(member).read()
                yield member.name, lambda data=data: data
    except (tarfile.TarError, zlib.error, lzma.LZMAError, OSError,
            EOFError, ValueError) as error:
        raise NoVerdict('the archive cannot be read: %s' % error)


# --- the one folder that is to be graded ---

def find(handin, rung, rungs):
    """Returns what is to be graded, as Found; raises NoVerdict.

    rung is the stage that was set, rungs the names of all: a folder that bears
    the name of another is no candidate.
    """
    if handin.trouble:
        raise NoVerdict(handin.trouble)
    folders, causes = folders_with_sources(handin.path)
    named = [f for f in folders if last(f).lower() == rung.lower()]
    others = {name.lower() for name in rungs} - {rung.lower()}
    nameless = [f for f in folders if last(f).lower() not in others]
    candidates = distinct(folders, named or nameless)
    if len(candidates) != 1:
        raise NoVerdict(what_was_found(rung, folders, candidates))
    where = candidates[0]
    files, notes = cleaned(folders[where])
    if not files:
        raise NoVerdict('%s holds no source that can be read: %s'
                        % (where or 'its top', '; '.join(notes)))
    if not named and where:
        notes.insert(0, 'taken from the folder %s, the only one with sources: '
                     'none is called %s' % (where, rung))
    return Found(files, where, notes, causes.get(where, ''))


def last(folder):
    """Returns the last part of a folder's path."""
    return folder.rstrip('/').rpartition('/')[2]


def folders_with_sources(path):
    """Returns {folder: [(name, bytes or why not)]} of those that hold a .c,
    and {folder: text} of what a CAUSE.txt says in them (make bughunt)."""
    folders, causes = {}, {}
    for name, read in walk(path):
        parts = [p for p in name.split('/') if p not in ('', '.')]
        if not parts or '__MACOSX' in parts or '..' in parts \
                or parts[-1].startswith('.') or '.git' in parts:
            continue
        if parts[-1].lower() == 'cause.txt':
            data = read()
            if isinstance(data, bytes):
                causes['/'.join(parts[:-1])] = data[:MOST_CAUSE].decode(
                    'utf-8', 'replace')
        elif SOURCE.fullmatch(parts[-1]):
            folders.setdefault('/'.join(parts[:-1]), []).append(
                (parts[-1], read()))
        elif OTHER_LANGUAGE.fullmatch(parts[-1]):
            folders.setdefault('/'.join(parts[:-1]), []).append(
                (parts[-1], 'not a .c or .h file'))
    return {folder: files for folder, files in folders.items()
            if any(name.lower().endswith('.c') for name, _ in files)}, causes


def distinct(folders, names):
    """Returns the names of folders that differ in what they hold."""
    seen = []
    return [name for name in names if folders[name] not in seen
            and not seen.append(folders[name])]


def what_was_found(rung, folders, candidates):
    """Says why there is nothing to grade, or too much."""
    if candidates:
        return ('more than one folder could be %s: %s. Leave one of them in '
                'the hand-in' % (rung, in_words(candidates)))
    if folders:
        return ('no folder is called %s; there is %s. Rename the right one'
                % (rung, in_words(sorted(folders))))
    return 'it holds no .c file; it should hold %s/%s.c' % (
        rung, rung if rung in ('client', 'chat') else 'server')


def in_words(folders):
    """Returns up to six names of folders, as a list in a sentence."""
    names = [folder or 'its top' for folder in folders[:6]]
    if len(folders) > 6:
        names.append('%d more' % (len(folders) - 6))
    return ', '.join(names)


def find_row(handin):
    """Returns the bytes of the row.txt in a hand-in, which may be that file
    itself, and what was done to them; raises NoVerdict."""
    if handin.trouble:
        raise NoVerdict(handin.trouble)
    if handin.path.lower().endswith('.txt') and \
            not os.path.isdir(handin.path):
        found = [('row.txt', read_file(handin.path))]
    else:
        found = [(name, read()) for name, read in walk(handin.path)
                 if name.lower().split('/')[-1] == 'row.txt'
                 and '__MACOSX' not in name.split('/')]
    if not found:
        raise NoVerdict('it holds no row.txt')
    if len({data for _, data in found}) > 1:
        raise NoVerdict('more than one file could be the row: %s. Leave one of '
                        'them in the hand-in'
                        % in_words(sorted(name for name, _ in found)))
    name, data = found[0]
    if isinstance(data, str):
        raise NoVerdict('%s cannot be taken: %s' % (name, data))
    data, said = as_posix(data)
    return data, ['row.txt %s' % what for what in said]


# --- text ---

def cleaned(files):
    """Returns the files as a compiler wants them, and what was done to them.

    A name ends in .c or .h, in small letters; a text is in UTF-8 if it was in
    UTF-16, without a byte-order mark, and with POSIX line ends.
    """
    kept, notes = {}, []
    for name, data in files:
        match = SOURCE.fullmatch(name)
        if isinstance(data, str) or not match:
            notes.append('%s was left out: %s' % (name, data))
            continue
        small = '%s.%s' % (match.group(1), match.group(2).lower())
        if small in kept:
            notes.append('%s was left out: there is another %s'
                         % (name, small))
            continue
        if len(kept) == MOST_SOURCES:
            notes.append('only %d files are taken' % MOST_SOURCES)
            break
        kept[small], said = as_posix(data)
        notes += ['%s %s' % (name, what) for what in said]
    return kept, notes


def as_posix(data):
    """Returns the bytes of a text as POSIX has them, and what was changed."""
    said = []
    for mark, code in ((b'\xff\xfe', 'utf-16-le'), (b'\xfe\xff', 'utf-16-be')):
        if data.startswith(mark):
            try:
                data = data[2:].decode(code).encode('utf-8')
            except UnicodeError:
                return data, ['begins as UTF-16 does, but is not: left as it is']
            said.append('was in UTF-16; it was graded in UTF-8')
    if data.startswith(b'\xef\xbb\xbf'):
        data = data[3:]
        said.append('began with a byte-order mark, which was taken away')
    if b'\r\n' in data:
        data = data.replace(b'\r\n', b'\n')
        said.append('had the line ends of Windows; it was graded without')
    return data, said
