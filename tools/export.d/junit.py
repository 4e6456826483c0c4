"""junit: junit.xml, for CI servers."""

import xml.etree.ElementTree as ElementTree

from counting import by_rung, count, max_sum, points_sum
from reports import sentence


def junit(run, records):
    """Returns junit.xml.

    There is no one standard. This is valid by junit-10.xsd of
    https://github.com/jenkinsci/xunit-plugin, and what GitLab reads is where
    https://docs.gitlab.com/ci/testing/unit_test_reports looks for it: the rung
    in classname, and the reason of a skip in the element's text.
    """
    root = ElementTree.Element('testsuites', name=run['submission'],
                               **junit_counts(records))
    for rung, members in by_rung(records).items():
        suite = ElementTree.SubElement(
            root, 'testsuite', name=rung, timestamp=run['when'],
            skipped=str(count(members, 'skipped')), **junit_counts(members))
        add_properties(suite, members)
        for record in members:
            add_case(suite, record)
    break_lines(root)
    return (b'<?xml version="1.0" encoding="UTF-8"?>\n'
            + ElementTree.tostring(root, encoding='utf-8') + b'\n')


def junit_counts(records):
    """Returns the attributes that sum up the records."""
    return {
        'tests': str(len(records)),
        'failures': str(count(records, 'failed')),
        'errors': str(count(records, 'error')),
        'time': '%.3f' % sum(record.seconds for record in records),
    }


def add_properties(suite, records):
    """Adds the points to a suite: JUnit itself knows of none."""
    properties = ElementTree.SubElement(suite, 'properties')
    for name, value in (('points', points_sum(records)),
                        ('max', max_sum(records))):
        ElementTree.SubElement(properties, 'property',
                               name=name, value=str(value))


def add_case(suite, record):
    """Adds a behaviour to a suite."""
    case = ElementTree.SubElement(
        suite, 'testcase', classname=record.rung, name=record.behaviour,
        time='%.3f' % record.seconds)
    tag = {'failed': 'failure', 'error': 'error', 'skipped': 'skipped'}
    if record.status in tag:
        child = ElementTree.SubElement(case, tag[record.status])
        if record.status != 'skipped':
            child.set('type', record.how)
        child.set('message', sentence(record))
        child.text = record.output


def break_lines(element):
    """Puts each element on a line of its own."""
    for child in element:
        child.tail = '\n'
        break_lines(child)
    if len(element):
        element.text = '\n'
