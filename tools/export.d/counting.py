"""counting: the points of some records, and how many went how."""


def without_verdict(records):
    """Returns the records that say nothing about the program."""
    return [record for record in records if record.status == 'error']


def points_sum(records):
    """Returns the points reached."""
    return sum(record.points or 0 for record in records)


def max_of(record):
    """Returns the points that a record counts for: none if it is skipped."""
    return 0 if record.status == 'skipped' else record.max


def max_sum(records):
    """Returns the points that could be reached."""
    return sum(max_of(record) for record in records)


def count(records, status):
    """Returns how many records have that status."""
    return sum(record.status == status for record in records)


def by_rung(records):
    """Returns the records of each rung, in the order of the rungs."""
    rungs = {}
    for record in records:
        rungs.setdefault(record.rung, []).append(record)
    return rungs


def counted(records):
    """Returns the records that were not skipped."""
    return [record for record in records if record.status != 'skipped']
