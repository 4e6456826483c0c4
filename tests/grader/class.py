"""class: makes a folder of forty hand-ins for v1_echo, of all kinds.

  class.py KIT FOLDER

Honest ones, packed in every usual way and in some unusual ones; broken ones;
such as have no verdict; and hostile ones. tests/grader/class.bats says what
must come of each.
"""

import io
import os
import stat
import struct
import sys
import tarfile
import zipfile

KIT, CLASS = sys.argv[1:3]
RUNG = 'v1_echo'
THERE = 'work/' + RUNG  # where make start puts an exercise

with open(os.path.join(KIT, RUNG, 'server.c'), 'rb') as file:
    GOOD = file.read()
WRONG = GOOD.replace(b'"Your msg = "', b'"Your message = "')
assert WRONG != GOOD


def hostile(name):
    """Returns the text of one of tests/hostile."""
    with open(os.path.join(KIT, 'tests', 'hostile', name), 'rb') as source:
        return source.read()


def put(path, data=GOOD):
    """Writes a file of the class, and the folders above it."""
    path = os.path.join(os.fsencode(CLASS), os.fsencode(path))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as new:
        new.write(data)
    return path


def zipped(path, members):
    """Writes a .zip of {name: bytes}."""
    with zipfile.ZipFile(os.path.join(CLASS, path), 'w',
                         zipfile.ZIP_DEFLATED) as archive:
        for name in members:
            archive.writestr(name, members[name])


def tarred(path, members, mode='w:gz'):
    """Writes a tar archive of {name: bytes, or the target of a link}."""
    with tarfile.open(os.path.join(CLASS, path), mode) as archive:
        for name in members:
            member = tarfile.TarInfo(name)
            if isinstance(members[name], str):
                member.type, member.linkname = tarfile.SYMTYPE, members[name]
                archive.addfile(member)
            else:
                member.size = len(members[name])
                archive.addfile(member, io.BytesIO(members[name]))


def honest():
    """Twenty that are to have full marks."""
    put('a01/v1_echo/server.c')
    put('a02/%s/server.c' % THERE)
    put('a03/server.c')
    put('a04.c')
    put('a05/V1_Echo/server.c')
    put('a06/lab 1/my work (final)/v1_echo/server (1).c')
    zipped('a07.zip', {'v1_echo/server.c': GOOD})
    zipped('a08.zip', {'a08/%s/server.c' % THERE: GOOD,
                       '__MACOSX/a08/%s/._server.c' % THERE: b'\0\5\x16\7'})
    tarred('a09.tar.gz', {'./v1_echo/server.c': GOOD})
    tarred('a10.tgz', {'kit/%s/server.c' % THERE: GOOD})
    tarred('a11.tar', {'v1_echo/server.c': GOOD}, 'w')
    tarred('a12.tar.xz', {'v1_echo/server.c': GOOD}, 'w:xz')
    put('a13/v1_echo/server.c', GOOD.replace(b'\n', b'\r\n'))
    put('a14/v1_echo/server.c', b'\xef\xbb\xbf' + GOOD)
    put('a15/v1_echo/server.c', b'\xff\xfe' + GOOD.decode().encode('utf-16-le'))
    put('a16/v1_echo/SERVER.C')
    put('a17/v1_echo/server.c')
    put('a17/v1_echo/._server.c', b'\0\5\x16\7')
    put('a17/v1_echo/notes.txt', b'see you on Monday')
    put('a18/v1_echo/server.c')
    put('a18/backup/v1_echo/server.c') # the same: it does not matter which
    put('a19/v1_echo/server.c')
    put('a19/v2_threads/server.c', WRONG)
    zipped('a20.zip', {'v1_echo\\server.c': GOOD})


def broken():
    """Six that are to lose points."""
    put('b01/v1_echo/server.c', WRONG)
    put('b02/v1_echo/server.c', GOOD.replace(b'int main(', b'int mian('))
    put('b03/v1_echo/server.c', b'int main(void) { return 0; }\n')
    put('b04/v1_echo/server.c', b'#error "</pre><script>1</script> \x1b[31m"\n')
    put('b05/v1_echo/server.c', b'')
    put('b06/v1_echo/server.c', b'int main(void) { for (;;) ; }\n')


def without_verdict():
    """Nine about which the instructor decides."""
    put('n01/v1_echo/server.c')
    put('n01/old/v1_echo/server.c', WRONG)
    put('n02/report.pdf', b'%PDF')
    put('n03/v2_threads/server.c')
    put('n04.rar', b'Rar!')
    put('n05.zip', b'PK\3\4 and no more')
    put('n06.c')
    put('n06/v1_echo/server.c')
    os.makedirs(os.path.join(CLASS, 'n07'))
    os.symlink(os.path.join(KIT, RUNG), os.path.join(CLASS, 'n08'))
    with open(os.path.join(CLASS, 'n09.zip'), 'wb') as new:
        new.write(with_password())


def with_password():
    """Returns a .zip whose one member says that it is encrypted."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as archive:
        archive.writestr('v1_echo/server.c', GOOD)
    raw = bytearray(data.getvalue())
    for mark, at in ((b'PK\3\4', 6), (b'PK\1\2', 8)):
        start = raw.index(mark) + at
        flags = struct.unpack('<H', raw[start:start + 2])[0]
        raw[start:start + 2] = struct.pack('<H', flags | 1)
    return bytes(raw)


def strangers():
    """Five that attack: no file outside may appear, and no text be obeyed."""
    put('h01/v1_echo/x;touch PWNED;.c')
    put('<img src=x onerror="document.title=1">/v1_echo/server.c', WRONG)
    zipped('h03.zip', {'../../PWNED': b'x', '/tmp/PWNED.c': WRONG,
                       '../v1_echo/server.c': WRONG,
                       'v1_echo/server.c': GOOD})
    tarred('h04.tgz', {'v1_echo/server.c': GOOD, 'v1_echo/more.c': '/etc/passwd',
                       'v1_echo/up': '../../..'})
    path = put('=1+2/v1_echo/server.c', hostile('includes_passwd.c'))
    os.symlink('/etc/passwd',
               os.path.join(os.path.dirname(path), b'passwd.h'))
    os.mkfifo(os.path.join(os.path.dirname(path), b'fifo.c'))
    os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)


os.makedirs(CLASS)
honest()
broken()
without_verdict()
strangers()
