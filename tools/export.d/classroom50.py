"""classroom50: result.json, for Classroom 50."""

import os

from counting import counted, max_sum, points_sum
from safe import excerpt, to_json


def classroom50(run, records):
    """Returns result.json, in the schema classroom50/result/v1.

    See "The result.json contract" in
    https://github.com/foundation50/classroom50/wiki/Advanced-Autograding and
    schemas/result-v1.schema.json in that repository. Who and what was graded
    the runner of Classroom 50 tells in the environment; elsewhere these fields
    say unknown, and its collector takes no such file.
    """
    commit = told('COMMIT_URL')
    return to_json({
        'schema': 'classroom50/result/v1',
        'classroom': told('CLASSROOM'),
        'assignment': told('ASSIGNMENT'),
        'assignment_type': told('ASSIGNMENT_TYPE', 'individual'),
        'owner': told('OWNER', run['submission']),
        'submission': told('SUBMISSION_TAG', 'submit/unknown'),
        'commit': commit,
        'release': told('RELEASE_URL'),
        'review': told('REVIEW_URL', commit),
        'datetime': run['when'],
        'score': points_sum(records),
        'max-score': max_sum(records),
        'tests': [classroom50_test(record) for record in counted(records)],
    })


def told(name, otherwise='unknown'):
    """Returns a variable of the environment, or the other if it is empty."""
    return os.environ.get(name) or otherwise


def classroom50_test(record):
    """Returns one of the tests of result.json.

    It must say passed or not, which is why a skipped one is none of them.
    The fields behind the first four are extra, as the schema allows.
    """
    return {
        'test-name': '%s: %s' % (record.rung, record.behaviour),
        'passed': record.status == 'passed',
        'score': record.points or 0,
        'max-score': record.max,
        'status': record.status,
        'how': record.how,
        'output': excerpt(record.output),
    }
