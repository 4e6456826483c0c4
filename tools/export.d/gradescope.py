"""gradescope: results.json, for Gradescope."""

from counting import by_rung, count, counted, max_sum, points_sum
from reading import KEYS
from safe import to_json


def gradescope(run, records):
    """Returns results.json, the output of a Gradescope autograder.

    Its fields are those of "Output format" in
    https://gradescope-autograders.readthedocs.io/en/latest/specs/. There, the
    format of the top-level output is HTML unless we say that it is text. There
    is no status for a skipped test: it is named in that output.
    """
    tests = []
    for i, rung in enumerate(by_rung(counted(records)).values(), 1):
        for j, record in enumerate(rung, 1):
            tests.append(gradescope_test(record, '%d.%d' % (i, j)))
    return to_json({
        'score': points_sum(records),
        'execution_time': run['total_seconds'],
        'output': summary(run, records),
        'output_format': 'text',
        'test_output_format': 'text',
        'test_name_format': 'text',
        'stdout_visibility': 'hidden',
        'extra_data': {key: run[key] for key in KEYS},
        'tests': tests,
    })


def gradescope_test(record, number):
    """Returns one of the tests of results.json."""
    return {
        'name': '%s: %s' % (record.rung, record.behaviour),
        'number': number,
        'score': record.points or 0,
        'max_score': record.max,
        'status': record.status,
        'output': record.output,
        'output_format': 'text',
        'tags': [record.rung],
        'visibility': 'visible',
        'extra_data': {'id': record.id, 'how': record.how,
                       'seconds': record.seconds},
    }


def summary(run, records):
    """Says in a few lines how the whole run went."""
    absent = sum(record.how == 'absent' for record in records)
    lines = [
        '%d of %d points' % (points_sum(records), max_sum(records)),
        '%d passed, %d failed, %d skipped' % (
            count(records, 'passed'), count(records, 'failed') - absent,
            count(records, 'skipped')),
    ]
    if absent:
        lines.append('%d are of rungs that are not started' % absent)
    if run['stage']:
        lines.append('of %s only' % run['stage'])
    lines += ['skipped, and not counted: %s: %s (%s)'
              % (record.rung, record.behaviour, record.how)
              for record in records if record.status == 'skipped']
    return '\n'.join(lines)
