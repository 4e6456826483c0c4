"""scores: what the records of a graded hand-in say, and of a class.

OUT/STAGE/NAME/ holds graded.json (what was graded, and whether), records/ (as
tests/run writes it for RESULTS=), sources/STAGE/ and report.txt.
"""

import collections
import functools
import json
import os
import statistics
import subprocess
import sys

KIT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

# tools/export owns the form of the records, and what is safe in a page or a
# cell: scores.visible, scores.cell.
sys.path.insert(0, os.path.join(KIT, 'tools', 'export.d'))
# pylint: disable=wrong-import-position
from counting import max_sum, points_sum
from reading import read_records
from safe import visible
from table import cell

# state is graded, or no verdict (then why says why); causes are the ids of the
# failures that rest on no other; step are the ids of what the rung adds.
Student = collections.namedtuple(
    'Student', 'name state why when notes records causes lower cause folder')


# --- the ladder ---

def rows():
    """Returns the matrix: [{'behaviour': ..., 'points': ..., RUNG: ...}]."""
    with open(os.path.join(KIT, 'tests', 'matrix.tsv'), encoding='utf-8') as f:
        lines = [line.rstrip('\n').split('\t') for line in f]
    head = ['behaviour'] + lines[0][1:]
    return [dict(zip(head, line)) for line in lines[1:]]


def ladder(*words):
    """Returns the lines that a function of tools/ladder.bash prints."""
    done = subprocess.run(
        ['bash', '-c', '. tools/ladder.bash && "$@"', 'ladder'] + list(words),
        cwd=KIT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode('utf-8').splitlines()


@functools.lru_cache(maxsize=None)
def rungs():
    """Returns the names of all rungs, in the order of the lesson."""
    return ladder('columns')


@functools.lru_cache(maxsize=None)
def folder_of(rung):
    """Returns the name of the folder that a rung is handed in as."""
    return ''.join(ladder('folder_of', rung))


@functools.lru_cache(maxsize=None)
def before(rung):
    """Returns the rung before; '' for the first, and for the client."""
    return ''.join(ladder('before', rung))


@functools.lru_cache(maxsize=None)
def step(rung):
    """Returns the titles of what the rung adds to the one before."""
    return {line.split('\t')[1]
            for line in ladder('rows', rung, 'now == "y" && past != "y"')}


@functools.lru_cache(maxsize=None)
def hints():
    """Returns the first hint of each behaviour, by its title."""
    found = {}
    with open(os.path.join(KIT, 'tests', 'hints.tsv'), encoding='utf-8') as f:
        for line in f:
            words = line.rstrip('\n').split('\t')
            if len(words) > 1 and not line.startswith('#'):
                found.setdefault(words[0], words[1])
    return found


# --- one hand-in ---

def read_graded(folder):
    """Returns graded.json as a dictionary; an empty one if there is none."""
    try:
        with open(os.path.join(folder, 'graded.json'), encoding='utf-8') as f:
            return json.load(f)
    except (OSError, ValueError):
        return {}


def read_student(folder):
    """Returns what became of a hand-in; None if the folder is none."""
    graded = read_graded(folder)
    if not graded:
        return None
    records, causes = [], []
    if graded['state'] == 'graded':
        records = read_records(os.path.join(folder, 'records'))
        causes = read_causes(os.path.join(folder, 'records', 'causes.tsv'))
    return Student(os.path.basename(folder), graded['state'], graded['why'],
                   graded['when'], graded['notes'], records, causes,
                   graded.get('lower', ''), graded.get('cause', ''), folder)


def read_causes(path):
    """Returns (rung, behaviour) of the failures that rest on no other, what is
    to be mended first at the head."""
    with open(path, 'rb') as file:
        lines = file.read().decode('utf-8', 'replace').split('\n')
    return [tuple(line.split('\t')[:2]) for line in lines
            if line.endswith('\t-')]


def points(student):
    """Returns the points reached and possible."""
    return points_sum(student.records), max_sum(student.records)


def step_points(student, titles):
    """Returns the same, of what the rung adds."""
    own = [r for r in student.records if r.behaviour in titles]
    return points_sum(own), max_sum(own)


def failures(student):
    """Returns the records that failed, in the order of the lesson."""
    return [r for r in student.records if r.status == 'failed']


def builds(student):
    """Returns whether the program compiled."""
    return bool(student.records) and all(r.how != 'build'
                                         for r in student.records)


def starts(student):
    """Returns whether the program ever came so far as to listen."""
    return not any(r.how == 'unstarted' for r in student.records)


def runs(student):
    """Returns whether the program compiles and starts."""
    return builds(student) and starts(student)


def first_causes(student):
    """Returns the failures that rest on no other, first to be mended first.

    If the program does not compile, or never starts, that is the only one.
    """
    if not builds(student):
        return failures(student)[:1]
    by_name = {(r.rung, r.behaviour): r for r in failures(student)}
    causes = [by_name[name] for name in student.causes if name in by_name]
    return causes if starts(student) else causes[:1]


# --- make bughunt ---

def read_planted(folder, stage):
    """Returns {NAME: (mistake, what it is)} of FOLDER/STAGE/planted.tsv."""
    path = os.path.join(folder, stage, 'planted.tsv')
    if not os.path.exists(path):
        return {}
    with open(path, encoding='utf-8') as file:
        lines = [line.rstrip('\n').split('\t') for line in file]
    return {words[0]: tuple(words[1:]) for words in lines if len(words) == 3}


# --- the class ---

def read_class(folder):
    """Returns the students of OUT/STAGE, by points, and then by name."""
    students = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path):
            student = read_student(path)
            if student:
                students.append(student)
    return sorted(students, key=lambda s: (s.state != 'graded',
                                           -points(s)[0], s.name))


def median_points(students):
    """Returns the median of the points, as text."""
    reached = [points(s)[0] for s in students if s.state == 'graded']
    return '%g' % statistics.median(reached) if reached else '-'


def not_got(students):
    """Returns [(behaviour, [(student, how)])] of what failed for anybody.

    In the order of the lesson. A program that does not start is in none of them.
    """
    failed = {}
    for student in students:
        for record in failures(student) if runs(student) else []:
            failed.setdefault(record.behaviour, []).append(
                (student, record.how))
    order = [row['behaviour'] for row in rows()]
    return [(title, failed[title]) for title in order if title in failed]
