#!/usr/bin/env python3
"""autograder: grades work/STAGE in a student's repository, for Classroom 50.

The runner of Classroom 50 starts it in the student's checkout. By the contract
that stands in https://github.com/foundation50/classroom50/wiki/Advanced-Autograding
it leaves result.json there (tools/export of the kit writes it), and
release-body.md: the report. It exits with 0 if there is a grade, however low.
Where the grader itself is in trouble it exits with 1 and leaves no result.json:
that is nobody's zero, and the runner says so.

Strangers' programs want a sandbox, and the best one is built by root. So it
starts itself again by sudo, which GitHub's machines allow.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
import tempfile

STAGE = '@STAGE@'
HERE = os.path.dirname(os.path.abspath(__file__))

# What tools/export puts into result.json, and what starts a program.
HANDED_ON = ('CLASSROOM', 'ASSIGNMENT', 'ASSIGNMENT_TYPE', 'OWNER', 'COMMIT_URL',
             'RELEASE_URL', 'REVIEW_URL', 'SUBMISSION_TAG', 'PATH', 'KIT_DEADLINE')
RESULT, BODY = 'result.json', 'release-body.md'
BODY_MOST = 100000  # characters; GitHub takes 125000 in the text of a release


def become_root():
    """Goes on as root, where sudo lets us without a password."""
    if os.geteuid() == 0 or not shutil.which('sudo') or subprocess.run(
            ['sudo', '-n', 'true'], stderr=subprocess.DEVNULL,
            check=False).returncode != 0:
        return
    words = ['%s=%s' % (name, os.environ[name]) for name in HANDED_ON
             if name in os.environ]
    os.execvp('sudo', ['sudo', '-n', 'env'] + words
              + [sys.executable, os.path.abspath(__file__)])


def take_kit(work):
    """Unpacks the kit, which is ours; returns where it is."""
    with tarfile.open(os.path.join(HERE, 'kit.tar.gz')) as archive:
        archive.extractall(work)
    return os.path.join(work, 'kit')


def folder_of(kit):
    """Returns the name of the exercise's folder: chat has socketserver's."""
    return subprocess.check_output(
        ['bash', '-c', '. tools/ladder.bash && folder_of "$1"', 'folder', STAGE],
        cwd=kit).decode().strip()


def grade(kit, work):
    """Has the kit grade the folder of the exercise, and no other that may lie
    in work/; returns the folder with what came of it."""
    theirs = os.path.join('work', folder_of(kit))
    copy = os.path.join(work, 'in', 'submission', theirs)
    if os.path.isdir(theirs) and not any(map(os.path.islink, ('work', theirs))):
        shutil.copytree(theirs, copy, symlinks=True)
    else:
        os.makedirs(copy)
    done = subprocess.run(
        [sys.executable, os.path.join(kit, 'tools', 'grade'),
         os.path.join(work, 'in'), STAGE, '--out', os.path.join(work, 'out')],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False)
    graded = os.path.join(work, 'out', STAGE, 'submission')
    if done.returncode not in (0, 1) or not os.path.isdir(graded):
        give_up(done.stdout.decode('utf-8', 'replace'))
    return graded


def give_up(why):
    """Ends the program: the grader is in trouble."""
    print('autograder: no grade, by no fault of the program:\n' + why,
          file=sys.stderr)
    sys.exit(1)


def result_of(kit, graded):
    """Returns the text of result.json."""
    path = os.path.join(graded, 'records', RESULT)
    if os.path.isfile(path):
        return read(path)
    state = json.loads(read(os.path.join(graded, 'graded.json')))
    if state['ours'] or state['state'] == 'graded':
        give_up(state['why'] or 'there is no ' + path)
    return json.dumps(nothing_found(state['why'], points(kit)), indent=1)


def nothing_found(why, most):
    """Returns the result where no program can be made out: she pushes again."""
    told = os.environ.get
    commit = told('COMMIT_URL') or 'unknown'
    return {
        'schema': 'classroom50/result/v1',
        'classroom': told('CLASSROOM') or 'unknown',
        'assignment': told('ASSIGNMENT') or 'unknown',
        'assignment_type': told('ASSIGNMENT_TYPE') or 'individual',
        'owner': told('OWNER') or 'unknown',
        'submission': told('SUBMISSION_TAG') or 'submit/unknown',
        'commit': commit,
        'release': told('RELEASE_URL') or 'unknown',
        'review': told('REVIEW_URL') or commit,
        'datetime': '1970-01-01T00:00:00Z',  # the runner writes the commit's
        'score': 0,
        'max-score': most,
        'tests': [{'test-name': 'work/%s is there' % STAGE, 'passed': False,
                   'score': 0, 'max-score': most, 'output': why}],
    }


def points(kit):
    """Returns what the rung is worth in all."""
    with open(os.path.join(kit, 'tests', 'matrix.tsv'), encoding='utf-8') as f:
        rows = [line.rstrip('\n').split('\t') for line in f]
    at = rows[0].index(STAGE)
    return sum(int(row[1]) for row in rows[1:]
               if not row[0].startswith('#') and row[at] == 'y')


def body_of(graded):
    """Returns the report as Markdown: a block of code, whatever it holds."""
    report = read(os.path.join(graded, 'report.txt'))
    return ''.join('    %s\n' % line for line in report.split('\n'))[:BODY_MOST]


def say(report):
    """Prints the report so that no line of it gives orders to the runner of
    GitHub's: between these two, lines that begin with :: are text."""
    token = secrets.token_hex(16)
    print('::stop-commands::%s\n%s\n::%s::' % (token, report, token))


def read(path):
    """Returns the text of a file that the kit wrote."""
    with open(path, encoding='utf-8', errors='replace') as file:
        return file.read()


def leave(name, text):
    """Writes a file in the checkout: not through a link that lies there, and
    so that the runner, who may not be root, can go on with it."""
    owner = os.stat('.')
    part = tempfile.NamedTemporaryFile('w', dir='.', prefix='.' + name,
                                       delete=False, encoding='utf-8')
    with part:
        part.write(text)
        os.fchmod(part.fileno(), 0o644)
        if os.geteuid() == 0:
            os.fchown(part.fileno(), owner.st_uid, owner.st_gid)
    os.replace(part.name, name)


def main():
    """Grades, and leaves what is asked for."""
    for name in (RESULT, BODY):
        if os.path.lexists(name):
            os.remove(name)
    become_root()
    with tempfile.TemporaryDirectory() as work:
        kit = take_kit(work)
        graded = grade(kit, work)
        leave(RESULT, result_of(kit, graded))
        leave(BODY, body_of(graded))
        say(read(os.path.join(graded, 'report.txt')))


if __name__ == '__main__':
    main()
