"""table: records.csv, for a spreadsheet."""

import csv
import io

from counting import max_of


def table(run, records):
    """Returns records.csv, by RFC 4180, in UTF-8."""
    out = io.StringIO(newline='')
    writer = csv.writer(out)
    writer.writerow(['submission', 'when', 'id', 'rung', 'behaviour', 'status',
                     'how', 'points', 'max', 'seconds'])
    for record in records:
        points = '' if record.points is None else record.points
        writer.writerow(
            [cell(run['submission']), run['when'], cell(record.id),
             cell(record.rung), cell(record.behaviour), record.status,
             cell(record.how), points, max_of(record), record.seconds])
    return out.getvalue().encode('utf-8')


def cell(text):
    """Returns the text so that no spreadsheet takes it for a formula.

    That is an apostrophe before it, as in "CSV Injection",
    https://owasp.org/www-community/attacks/CSV_Injection. Our own "-", for
    nothing, is an empty cell.
    """
    if text == '-':
        return ''
    return "'" + text if text[:1] in tuple('=+-@\t\uff1d\uff0b\uff0d\uff20') \
        else text
