"""reading: records.tsv and run.tsv, or what is wrong with them."""

import collections
import os
import re

from counting import max_sum, points_sum, without_verdict
from reports import is_report, with_outputs
from safe import visible

COLUMNS = 'id rung behaviour points max status how seconds report'.split()
STATUSES = ('passed', 'failed', 'error', 'skipped')
KEYS = 'submission when stage points max total_seconds final'.split()

Record = collections.namedtuple('Record', COLUMNS + ['output'])


class Trouble(Exception):
    """The input is not as it must be; the text says where and how."""


def read_rows(folder, name):
    """Returns the lines of a TSV file, each as a list of words."""
    with open(os.path.join(folder, name), 'rb') as file:
        lines = file.read().split(b'\n')
    if lines.pop():
        raise Trouble('%s:%d: the line has no end: was the run cut short?'
                      % (name, len(lines) + 1))
    return [visible(line).split('\t') for line in lines]


def whole(word, what):
    """Returns the number that the word is, if it is a whole one."""
    if not re.fullmatch('[0-9]{1,9}', word):
        raise Trouble("%s is '%s', and no whole number" % (what, word))
    return int(word)


def decimal(word, what):
    """Returns the number that the word is, if it is a decimal one."""
    if not re.fullmatch(r'[0-9]{1,9}(\.[0-9]{1,9})?', word):
        raise Trouble("%s is '%s', and no number such as 0.412" % (what, word))
    return float(word)


def points_of(row):
    """Returns the points of a row, or None where there can be none."""
    if row['status'] in ('error', 'skipped'):
        if row['points'] != '-':
            raise Trouble("points is '%s', and not -, but the status is %s"
                          % (row['points'], row['status']))
        return None
    points = whole(row['points'], 'points')
    if points > row['max']:
        raise Trouble('%d points, and max is %d' % (points, row['max']))
    return points


def parse_record(words):
    """Returns the record that the words of a line make, without its output."""
    if len(words) != len(COLUMNS):
        raise Trouble('%d columns, and not %d' % (len(words), len(COLUMNS)))
    row = dict(zip(COLUMNS, words))
    for key in ('id', 'rung', 'behaviour', 'how', 'report'):
        if not row[key]:
            raise Trouble('%s is empty' % key)
    if row['status'] not in STATUSES:
        raise Trouble("status is '%s', and none of %s"
                      % (row['status'], ', '.join(STATUSES)))
    row['max'] = whole(row['max'], 'max')
    row['points'] = points_of(row)
    row['seconds'] = decimal(row['seconds'], 'seconds')
    return Record(output='', **row)


def read_records(folder):
    """Returns the records of records.tsv, in its order."""
    rows = read_rows(folder, 'records.tsv')
    if not rows or rows[0] != COLUMNS:
        raise Trouble('records.tsv:1: the header must be: '
                      + ' '.join(COLUMNS))
    records, line_of = [], {}
    for number, words in enumerate(rows[1:], 2):
        try:
            record = parse_record(words)
            if record.id in line_of:
                raise Trouble('the id %s is that of line %d'
                              % (record.id, line_of[record.id]))
            if not is_report(folder, record.report):
                raise Trouble("there is no report '%s' in the folder"
                              % record.report)
        except Trouble as trouble:
            raise Trouble('records.tsv:%d: %s' % (number, trouble))
        line_of[record.id] = number
        records.append(record)
    if not records:
        raise Trouble('records.tsv:1: no behaviour follows the header')
    return with_outputs(folder, records)


def read_run(folder):
    """Returns run.tsv as a dictionary."""
    run = {}
    for number, words in enumerate(read_rows(folder, 'run.tsv'), 1):
        try:
            if len(words) != 2:
                raise Trouble('%d columns, and not 2' % len(words))
            if words[0] in run:
                raise Trouble('%s comes twice' % words[0])
            run[words[0]] = parse_value(*words)
        except Trouble as trouble:
            raise Trouble('run.tsv:%d: %s' % (number, trouble))
    for key in KEYS:
        if key not in run:
            raise Trouble('run.tsv: there is no %s' % key)
    return run


def parse_value(key, word):
    """Returns the value of a key of run.tsv."""
    if key in ('points', 'max'):
        return whole(word, key)
    if key == 'total_seconds':
        return decimal(word, key)
    pattern = {
        'submission': '.+',
        'when': r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ',
        'final': 'yes|no',
    }.get(key, '.*')
    if not re.fullmatch(pattern, word, re.ASCII):
        raise Trouble("%s is '%s', which does not match %s"
                      % (key, word, pattern))
    return word


def check_agreement(run, records):
    """Raises Trouble if run.tsv and records.tsv tell of different runs."""
    final = 'no' if without_verdict(records) else 'yes'
    if run['final'] != final:
        raise Trouble("run.tsv: final is '%s', but by records.tsv it is '%s'"
                      % (run['final'], final))
    if final == 'no':
        return
    sums = {'points': points_sum(records), 'max': max_sum(records)}
    for key in sums:
        if run[key] != sums[key]:
            raise Trouble('run.tsv: %s is %d, but records.tsv adds up to %d'
                          % (key, run[key], sums[key]))
