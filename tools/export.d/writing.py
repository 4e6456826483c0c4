"""writing: the files, or the reason why there is no grade."""

import os

from counting import without_verdict

GRADES = ('results.json', 'result.json')


def write_all(folder, files):
    """Writes the files, each under another name first: none is ever half."""
    parts = []
    try:
        for name, data in files.items():
            part = os.path.join(folder, '.%s.%d' % (name, os.getpid()))
            with open(part, 'xb') as file:
                parts.append((part, os.path.join(folder, name)))
                file.write(data)
        for part, name in parts:
            os.replace(part, name)
    finally:
        for part, _ in parts:
            if os.path.exists(part):
                os.remove(part)


def withdraw(folder):
    """Removes the grades of an earlier run."""
    for name in GRADES:
        if os.path.lexists(os.path.join(folder, name)):
            os.remove(os.path.join(folder, name))


def no_grade(records):
    """Returns the message that says why there is no grade."""
    missing = without_verdict(records)
    lines = ['export: no grade, for want of a verdict on %d of %d behaviours.'
             ' The grader is in trouble, not the program; the run must be'
             ' repeated.' % (len(missing), len(records))]
    return '\n'.join(lines + ['    %s: %s (%s)' % (r.rung, r.behaviour, r.how)
                              for r in missing])
