"""reports: what a student is to read about each behaviour."""

import os
import re

from safe import visible

# Bytes of one report that are shown, and of all reports together.
REPORT_MOST = 64 * 1024
REPORTS_MOST = 4 * 1024 * 1024


def report_file(folder, path):
    """Returns where a report is, without links on the way."""
    return os.path.realpath(os.path.join(folder, path))


def is_report(folder, path):
    """Returns whether the report is a plain file inside the folder, or "-".

    A program under test may have left a link there to a file that its author
    is not to see, or a pipe that nobody writes to.
    """
    if path == '-':
        return True
    file, root = report_file(folder, path), os.path.realpath(folder)
    return os.path.commonpath([file, root]) == root and os.path.isfile(file)


def with_outputs(folder, records):
    """Returns the records, each with the text that a student is to read."""
    reports = sum(record.report != '-' for record in records)
    most = min(REPORT_MOST, REPORTS_MOST // max(reports, 1))
    return [record._replace(output=output_of(folder, record, most))
            for record in records]


def output_of(folder, record, most):
    """Returns what a student is to read about a behaviour."""
    report = ''
    if record.report != '-':
        report = read_report(folder, record.report, most)
    if record.status == 'failed' and report:
        return report
    return '\n'.join(part for part in (sentence(record), report) if part)


def sentence(record):
    """Says in one line what became of a behaviour; nothing if it holds."""
    if record.status == 'failed' and record.how == 'absent':
        return 'failed: %s is not started' % record.rung
    return {
        'passed': '',
        'failed': 'failed: ' + record.how,
        'skipped': 'skipped, and not counted: ' + record.how,
        'error': 'no verdict (%s): the grader is in trouble, not the program'
                 % record.how,
    }[record.status]


def read_report(folder, path, most):
    """Returns a report as text; of a long one, its two ends."""
    with open(report_file(folder, path), 'rb') as file:
        size = os.fstat(file.fileno()).st_size
        if size <= most:
            return visible(file.read(most))
        head = file.read(most // 2)
        file.seek(-(most // 2), os.SEEK_END)
        tail = file.read(most // 2)
    # No character is cut in two.
    head = re.sub(b'[\xc0-\xff][\x80-\xbf]{0,2}\\Z', b'', head)
    tail = re.sub(b'\\A[\x80-\xbf]{1,3}', b'', tail)
    return '%s\n[... %d bytes left out; all of it is in %s ...]\n%s' % (
        visible(head), size - len(head) - len(tail), path, visible(tail))
