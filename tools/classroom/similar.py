"""similar: which hand-ins share what nobody gave them.

The comparing is done by sim_c, the similarity tester: two pieces of C are alike
to it if they differ only in layout, comments, names and constants. The lines
that the rung before gave to everyone are blanked first.
"""

import collections
import glob
import os
import re
import shutil
import subprocess
import tempfile

import scores

LEAST = 50   # per cent, below which a pair is not shown
MOST = 40    # pairs that are shown
RUN = 24     # tokens that must be alike in a row, for sim_c

# share is the larger of the two, in per cent; runs are (lines of one, lines of
# the other), each a (file, first, last).
Pair = collections.namedtuple('Pair', 'share one other runs')

INSTALL = ('the similarity tester is missing: sudo apt-get install '
           'similarity-tester (Debian, Ubuntu)')


def given(rung):
    """Returns the lines that everybody was given, without their indentation."""
    past, folder = scores.before(rung), scores.folder_of(rung)
    if folder != rung:  # the framework, which is there to be called
        return lines_of('%s/%s.[ch]' % (folder, folder))
    return lines_of('tools/starters/%s.c' % rung) | (
        lines_of(past + '/*.[ch]') if past else set())


def lines_of(pattern):
    """Returns the lines of some files of the kit, without their indentation."""
    lines = set()
    for path in glob.glob(os.path.join(glob.escape(scores.KIT), pattern)):
        with open(path, 'rb') as file:
            lines.update(line.strip() for line in file)
    return lines


class Sources:
    """The sources of one hand-in, as one text, what was given blanked."""

    def __init__(self, name, folder, known):
        self.name, self.starts, lines = name, [], []
        for file in sorted(os.listdir(folder)):
            if file.endswith(('.c', '.h')):
                self.starts.append((len(lines), file))
                with open(os.path.join(folder, file), 'rb') as source:
                    lines += source.read().split(b'\n')
        self.text = b'\n'.join(b'' if line.strip() in known else line
                               for line in lines) + b'\n'

    def place(self, first, last):
        """Returns the file and the lines in it, of lines of the text."""
        at, file = max(s for s in self.starts if s[0] < first)
        return file, first - at, last - at


def pairs(folders, rung):
    """Returns the pairs that share much, and why there are none, or ''.

    folders is {name: folder with sources}. Our own rung, where it is there,
    stands among them.
    """
    if not shutil.which('sim_c'):
        return [], INSTALL
    known = given(rung)
    everybody = dict(folders)
    own = os.path.join(scores.KIT, scores.folder_of(rung))
    if os.path.isdir(own):
        everybody['our own ' + rung] = own
    sources = [Sources(name, everybody[name], known)
               for name in sorted(everybody)]
    with tempfile.TemporaryDirectory() as work:
        for number, source in enumerate(sources):
            with open(os.path.join(work, '%d.c' % number), 'wb') as file:
                file.write(source.text)
        return compare(work, sources), ''


def compare(work, sources):
    """Returns the pairs, those that share most first."""
    names = ['%d.c' % number for number in range(len(sources))]
    shares = {}
    for line in sim(work, ['-p', '-t', str(LEAST)] + names).split('\n'):
        match = re.fullmatch(r'(\d+)\.c consists for (\d+) % of (\d+)\.c '
                             r'material', line.strip())
        if match:
            one, share, other = (int(word) for word in match.groups())
            pair = min(one, other), max(one, other)
            shares[pair] = max(share, shares.get(pair, 0))
    most = sorted(shares, key=lambda pair: (-shares[pair], pair))[:MOST]
    return [Pair(shares[pair], sources[pair[0]].name, sources[pair[1]].name,
                 runs(work, sources, pair)) for pair in most]


def runs(work, sources, pair):
    """Returns the places that two hand-ins share."""
    told = sim(work, ['-n', '-s', '%d.c' % pair[0], '%d.c' % pair[1]])
    found = []
    for line in told.split('\n'):
        places = re.findall(r'(\d+)\.c: line (\d+)-(\d+)', line)
        if len(places) == 2:
            found.append(tuple(
                sources[int(n)].place(int(first), int(last))
                for n, first, last in sorted(places, key=lambda p: int(p[0]))))
    return sorted(found)


def sim(work, words):
    """Returns what sim_c says, in a folder where all names are ours."""
    done = subprocess.run(['sim_c', '-e', '-T', '-r', str(RUN)] + words,
                          cwd=work, stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.decode('utf-8', 'replace')
