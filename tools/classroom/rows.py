"""rows: rows as students write them (tests/sandbox/row.c), made of the tests'
own: what finds a planted mistake, and what a student may have copied."""

import collections
import functools
import glob
import os
import re
import subprocess
import tempfile

import scores

# What the tests write otherwise than a student does.
INSTEAD = (
    (r'with_tsan', 'threads are watched'),
    (r'there_is_no_race', 'there is no race'),
    (r'with_leak_check', 'memory is watched'),
    (r'no_client_leaked (\d+)', r'\1 clients leave no memory behind'),
    (r'watched closes .*', 'descriptors are watched'),
    (r'none_is_closed_twice', 'no descriptor is closed twice'),
    (r'(\w+ floods \d+)( #.*)?', r'\1 megabytes'),
    (r'needs_\w+ .*|needs_\w+|watched .*', ''),
)


def understood(text):
    """Returns the sentences of a row, each a tuple of words; None if it is
    none."""
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, 'row.txt')
        with open(path, 'w', encoding='utf-8',
                  errors='surrogateescape') as file:
            file.write(text)
        done = subprocess.run(
            [os.path.join('build', 'kit', 'row'),
             os.path.join('tests', 'verdict', 'sentences.tsv'), path],
            cwd=scores.KIT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        return None
    lines = done.stdout.decode('utf-8').split('\n')[:-1]
    return [tuple(line.split('\t')[2:]) for line in lines]


def unrolled(lines, functions):
    """Returns the lines of a test with its loops over words and its functions
    written out, in a student's words."""
    out, lines = [], [line.strip() for line in lines]
    while lines:
        line = lines.pop(0)
        loop = re.fullmatch(r'for (\w+) in (.*); do', line)
        if loop and 'done' in lines:
            body = lines[:lines.index('done')]
            del lines[:len(body) + 1]
            for word in re.findall(r"'[^']*'|[^ ']+", loop[2]):
                out += unrolled([part.replace('"$%s' % loop[1],
                                              '"' + word.strip("'"))
                                 for part in body], functions)
        elif line in functions:
            out += unrolled(functions[line], functions)
        else:
            for test, row in INSTEAD:
                line = re.sub('^%s$' % test, row, line)
            out.append(line)
    return out


@functools.lru_cache(maxsize=None)
def of_tests():
    """Returns {title: text} of the tests' rows that a student might write."""
    found = {}
    for path in sorted(glob.glob(os.path.join(scores.KIT, 'tests', '*.bats'))):
        with open(path, encoding='utf-8') as file:
            text = file.read()
        functions = {name: body.split('\n') for name, body in re.findall(
            r'(?ms)^(\w+)\(\) \{\n(.*?)\n\}$', text)}
        for title, body in re.findall(
                r'(?ms)^@test "([^"\n]*)" \{\n(.*?)\n\}$', text):
            row = '\n'.join(unrolled(body.split('\n'), functions)) + '\n'
            if understood(row) is not None:
                found[title] = row
    return found


def that_find(mistake):
    """Returns the rows that a student might write to find a mistake."""
    path = os.path.join(scores.KIT, 'tests', 'mutants', mistake + '.patch')
    with open(path, encoding='utf-8') as file:
        head = file.read().split('\ndiff ')[0]
    titles = re.findall(r'(?m)^Killed-by: *(.*)$', head)
    return [of_tests()[title] for title in titles if title in of_tests()]


def nearest(text):
    """Returns (per cent, title): the row of the tests that has most sentences
    of this one; the server's start is everybody's."""
    own = collections.Counter(understood(text) or [])
    del own['the', 'server', 'starts']
    best = 0, ''
    for title, row in of_tests().items():
        shared = own & collections.Counter(understood(row))
        share = 100 * sum(shared.values()) // max(1, sum(own.values()))
        if share > best[0]:
            best = share, title
    return best
