"""pages: the page of a class, the page of a student, and the table of grades.

A page is one file: it needs no network and no server. Everything that comes
from a hand-in, names included, goes through text(); and the page's own policy
lets no script run but ours.
"""

import base64
import collections
import csv
import difflib
import hashlib
import io
import os
import textwrap
import urllib.parse
from html import escape

import scores

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --dim: #5b6675;
  --paper: #ffffff; --card: #f4f6f9; --line: #d8dee6; --good: #1a7f4b;
  --bad: #b3261e; --warn: #8a5a00; --add: #e2f5e9; --del: #fde9e7; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --dim: #9aa6b5;
  --paper: #14181e; --card: #1d232b; --line: #343d49; --good: #56c98b;
  --bad: #ff8a80; --warn: #e7b65c; --add: #15341f; --del: #43201d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 4rem;
  font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; }
p, ul { max-width: 44rem; margin: .4rem 0; }
a { color: inherit; }
code, pre, .how { font-family: ui-monospace, monospace; font-size: .86em; }
pre { background: var(--card); border: 1px solid var(--line);
  border-radius: 6px; padding: .7rem .9rem; overflow-x: auto;
  white-space: pre-wrap; margin: .5rem 0; line-height: 1.45; }
.dim { color: var(--dim); } .bad { color: var(--bad); }
.good { color: var(--good); } .warn { color: var(--warn); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0;
  border-bottom: 1px solid var(--line); }
td:first-child { min-width: 5.5rem; }
th { font-weight: 600; white-space: nowrap; }
th button { font: inherit; font-weight: 600; color: inherit; border: 0;
  padding: 0; background: none; cursor: pointer; }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
td.n { font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar { display: inline-block; width: 7rem; height: .55rem; margin-left: .6rem;
  border-radius: 3px; background: var(--line); overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--good); }
.bar.red i { background: var(--bad); }
details { border-bottom: 1px solid var(--line); padding: .35rem 0; }
summary { cursor: pointer; }
summary .bar { width: 5rem; margin: 0 .5rem 0 0; }
.diff { white-space: pre; }
.diff ins, .diff del { display: block; text-decoration: none;
  margin: 0 -.9rem; padding: 0 .9rem; }
.diff ins { background: var(--add); } .diff del { background: var(--del); }
@media (max-width: 40rem) { .wide { display: none; } .bar { width: 3.5rem; }
  td.n .bar { display: block; margin: .1rem 0 .3rem; }
  .diff { white-space: pre-wrap; }
  body { padding: 1rem .8rem 3rem; } }
@media print { body { max-width: none; padding: 0; font-size: 11px; }
  h2, summary { break-after: avoid; }
  thead, tr, li, pre, details:not(:has(details, pre)) { break-inside: avoid; }
  .diff { white-space: pre-wrap; break-inside: auto; } }
"""

SCRIPT = """
for (const head of document.querySelectorAll('th button'))
  head.addEventListener('click', () => {
    const th = head.parentNode, at = th.cellIndex, table = th.closest('table');
    const down = th.getAttribute('aria-sort') === 'ascending' ? -1 : 1;
    for (const other of th.parentNode.cells) other.removeAttribute('aria-sort');
    th.setAttribute('aria-sort', down === 1 ? 'ascending' : 'descending');
    const key = row => row.cells[at].dataset.key ?? row.cells[at].textContent;
    const rows = [...table.tBodies[0].rows].sort((a, b) =>
      down * key(a).localeCompare(key(b), undefined, {numeric: true}));
    table.tBodies[0].append(...rows);
  });
addEventListener('beforeprint', () => {
  for (const closed of document.querySelectorAll('details')) closed.open = true;
});
"""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src '%s'" % (
    'sha256-' + base64.b64encode(
        hashlib.sha256(SCRIPT.encode()).digest()).decode())


# --- pieces ---

def text(value):
    """Returns anything as text of HTML, its control bytes visible."""
    raw = str(value).encode('utf-8', 'surrogateescape')
    return escape(scores.visible(raw))


def link(*parts):
    """Returns a relative address, safe in an attribute."""
    raw = '/'.join(parts).encode('utf-8', 'surrogateescape')
    return escape(urllib.parse.quote(raw))


def page(title, body):
    """Returns a whole page."""
    return ('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
            '\n<meta http-equiv="Content-Security-Policy" content="%s">\n'
            '<meta name="viewport" content="width=device-width, '
            'initial-scale=1">\n<title>%s</title>\n<style>%s</style>\n</head>'
            '\n<body>\n%s\n<script>%s</script>\n</body>\n</html>\n'
            % (POLICY, text(title), STYLE, body, SCRIPT))


def bar(reached, possible, red=False):
    """Returns a bar that is full if all is reached."""
    share = 100 * reached // possible if possible else 0
    return ('<span class="bar%s"><i style="width:%d%%"></i></span>'
            % (' red' if red else '', share))


def many(number, word, plural=''):
    """Returns '1 failure', '2 failures'."""
    return '%d %s' % (number, word if number == 1 else plural or word + 's')


def report_of(record):
    """Returns the text of a failure, without what its heading says."""
    first, _, rest = record.output.partition('\n')
    if first == '%s: %s' % (record.rung, record.behaviour):
        return textwrap.dedent(rest)
    return record.output


# --- a student ---

def student_page(student, rung):
    """Returns report.html: it names nobody else."""
    title = '%s: %s' % (student.name, rung)
    parts = ['<h1>%s</h1>' % text(title)]
    if student.state != 'graded':
        parts.append('<p class="warn">There is no verdict yet: %s.</p>'
                     % text(student.why))
        return page(title, '\n'.join(parts))
    reached, possible = scores.points(student)
    own, own_most = scores.step_points(student, scores.step(rung))
    parts.append(
        '<p><b>%d of %d points</b>%s <span class="dim">&ensp;%d of %d for '
        'what this rung adds</span></p>'
        % (reached, possible, bar(reached, possible), own, own_most))
    parts += notes_part(student)
    parts += failures_part(student)
    parts += holds_part(student)
    parts += diff_part(student, rung)
    parts.append('<p class="dim">Graded %s.</p>' % text(student.when))
    return page(title, '\n'.join(parts))


def notes_part(student):
    """Yields what was done to the files before they were graded."""
    if student.notes:
        yield '<h2>About your files</h2>\n<ul>'
        for note in student.notes:
            yield '<li>%s</li>' % text(note)
        yield '</ul>'


def failures_part(student):
    """Yields the failures, each cause in full."""
    causes = scores.first_causes(student)
    if not causes:
        if scores.failures(student):
            return
        yield '<p class="good">Everything that is asked for holds.</p>'
        return
    failed = len(scores.failures(student))
    yield '<h2>What to mend, first cause first</h2>'
    if not scores.runs(student):
        yield '<p>This comes first; all else waits for it.</p>'
        yield '<pre>%s</pre>' % text(causes[0].output)
        return
    if failed > len(causes):
        yield ('<p class="dim">%s do not hold. Here are the %s that come '
               'first; the others rest on them.</p>'
               % (many(failed, 'behaviour'), len(causes)))
    for number, record in enumerate(causes):
        yield ('<details%s><summary>%s <span class="how bad">%s</span>'
               '</summary><pre>%s</pre></details>'
               % ('' if number else ' open', text(record.behaviour),
                  text(record.how), text(report_of(record))))


def holds_part(student):
    """Yields what holds, and what was not counted."""
    for status, head in (('passed', 'What holds'),
                         ('skipped', 'What could not be tried here, and does '
                                     'not count')):
        titles = [r.behaviour for r in student.records if r.status == status]
        if titles:
            yield '<h2>%s</h2>\n<details><summary>%s</summary><ul>' % (
                head, many(len(titles), 'behaviour'))
            for title in titles:
                yield '<li>%s</li>' % text(title)
            yield '</ul></details>'


def diff_part(student, rung):
    """Yields what was changed since the rung before."""
    past = scores.before(rung)
    if not past:
        return
    yield '<h2>What you changed since our %s</h2>' % text(past)
    theirs = os.path.join(student.folder, 'sources', rung)
    ours = read_text(os.path.join(scores.KIT, past, 'server.c'))
    for name in sorted(os.listdir(theirs)):
        lines = list(difflib.unified_diff(
            ours if name == 'server.c' else [],
            read_text(os.path.join(theirs, name)), lineterm='', n=3))[2:]
        yield ('<details><summary><code>%s</code> <span class="dim">%s'
               '</span></summary><pre class="diff">%s</pre></details>'
               % (text(name), changed(lines),
                  diff_lines(lines) or 'Nothing.'))


def read_text(path):
    """Returns the lines of a source; nothing if it is not there."""
    try:
        with open(path, 'rb') as file:
            return scores.visible(file.read()).split('\n')
    except OSError:
        return []


def changed(lines):
    """Returns how many lines came and went."""
    return '+%d -%d' % (sum(line[:1] == '+' for line in lines),
                        sum(line[:1] == '-' for line in lines))


def diff_lines(lines):
    """Returns the lines of a diff, coloured."""
    tags = {'+': '<ins>%s</ins>', '-': '<del>%s</del>'}
    return ''.join(tags.get(line[:1], '%s\n') % text(line) for line in lines)


# --- the class ---

def class_page(students, rung, pairs, planted, command):
    """Returns class.html. pairs is similar's answer, (pairs, why not); planted
    that of scores.read_planted."""
    graded = [s for s in students if s.state == 'graded']
    most = max((scores.points(s)[1] for s in graded), default=0)
    full = sum(scores.points(s)[0] == most for s in graded)
    title = '%s: %s' % (rung, many(len(students), 'hand-in'))
    parts = ['<h1>%s</h1>' % text(title),
             '<p>%d graded, %d with full marks. Median: %s of %d points.</p>'
             % (len(graded), full, scores.median_points(students), most)]
    parts += need_you_part(students)
    parts += table_part(graded, rung)
    parts += not_got_part(graded)
    parts += hunt_part(graded, planted)
    parts += pairs_part(*pairs)
    parts.append('<p class="dim">Made by <code>%s</code>.</p>' % text(command))
    return page(title, '\n'.join(parts))


def need_you_part(students):
    """Yields the hand-ins that have no verdict, and those that came out lower."""
    open_ones = [(s, s.why or s.lower) for s in students
                 if s.state != 'graded' or s.lower]
    if open_ones:
        yield '<h2>These need you</h2>\n<table><tbody>'
        for student, why in open_ones:
            yield ('<tr><td><a href="%s">%s</a></td><td class="warn">%s</td>'
                   '</tr>' % (link(student.name, 'report.html'),
                              text(student.name), text(why)))
        yield '</tbody></table>'


def table_part(graded, rung):
    """Yields the table of students."""
    titles = scores.step(rung)
    yield ('<h2>The class</h2>\n<table><thead><tr>'
           '<th><button>name</button></th>'
           '<th aria-sort="descending"><button>points</button></th>'
           '<th class="wide"><button>of the step</button></th>'
           '<th class="wide"><button>causes</button></th>'
           '<th><button>mend first</button></th></tr></thead><tbody>')
    for student in graded:
        reached, possible = scores.points(student)
        own, own_most = scores.step_points(student, titles)
        causes = scores.first_causes(student)
        yield ('<tr><td><a href="%s">%s</a></td>'
               '<td class="n" data-key="%d">%d of %d%s</td>'
               '<td class="wide" data-key="%d">%d of %d</td>'
               '<td class="wide">%d</td><td>%s</td></tr>'
               % (link(student.name, 'report.html'), text(student.name),
                  reached, reached, possible,
                  bar(reached, possible, reached < possible),
                  own, own, own_most, len(causes), mend_first(student, causes)))
    yield '</tbody></table>'


def mend_first(student, causes):
    """Returns the first cause, in a few words."""
    if not causes:
        return '<span class="good">all holds</span>'
    if not scores.builds(student):
        return '<span class="bad">does not compile</span>'
    if not scores.starts(student):
        return '<span class="bad">does not start</span>'
    return '%s <span class="how bad">%s</span>' % (
        text(causes[0].behaviour), text(causes[0].how))


def not_got_part(graded):
    """Yields what the class did not get, in the order of the lesson."""
    missed = scores.not_got(graded)
    if not missed:
        return
    built = [s for s in graded if scores.runs(s)]
    yield ('<h2>What the class did not get</h2>\n<p class="dim">In the order '
           'of the lesson, among the %d whose program starts.</p>'
           % len(built))
    rest = []
    for title, who in missed:
        lines = missed_lines(title, who, len(built))
        if any((rung_of(s), title) in s.causes for s, _ in who):
            yield from lines
        else:
            rest += lines
    if rest:
        yield ('<details><summary class="dim">and %s that fail only with one '
               'of these</summary>' % many(rest.count('</ul></details>'),
                                           'behaviour'))
        yield from rest
        yield '</details>'


def rung_of(student):
    """Returns the rung that a student's records are of."""
    return student.records[0].rung


def missed_lines(title, who, built):
    """Yields one behaviour, how it failed, and for whom."""
    ways = {}
    for student, how in who:
        ways.setdefault(how, []).append(student)
    yield ('<details><summary>%s%d&ensp;%s <span class="how dim">%s</span>'
           '</summary>' % (bar(len(who), built, True), len(who), text(title),
                           text(', '.join('%s %d' % (how, len(ways[how]))
                                          for how in sorted(ways)))))
    yield '<p>%s</p><ul>' % text(scores.hints().get(title, ''))
    for how in sorted(ways):
        yield '<li><span class="how bad">%s</span>: %s</li>' % (
            text(how), ', '.join('<a href="%s">%s</a>' % (
                link(s.name, 'report.html'), text(s.name))
                for s in ways[how]))
    yield '</ul></details>'


def hunt_part(graded, planted):
    """Yields what was planted for each, and what she says that it was."""
    hunters = [s for s in graded if s.name in planted]
    if hunters:
        yield '<h2>The bug hunt</h2>'
    for student in sorted(hunters, key=lambda s: s.name):
        mistake, what = planted[student.name]
        yield ('<details><summary>%s: <span class="%s</span> '
               '<span class="how dim">%s</span></summary><p>%s</p>'
               '<pre>%s</pre></details>'
               % (text(student.name), 'bad">not mended'
                  if scores.failures(student) else 'good">mended',
                  text(mistake), text(what),
                  text(student.cause or 'There is no CAUSE.txt.')))


def pairs_part(pairs, why_not):
    """Yields the hand-ins that share lines that nobody gave them."""
    yield '<h2>Who may have copied</h2>'
    if why_not:
        yield '<p class="dim">%s</p>' % text(why_not)
        return
    if not pairs:
        yield '<p class="dim">No two hand-ins share much.</p>'
        return
    yield ('<p class="dim">Shared, after what the rung before gave everyone '
           'was taken away. A figure is a reason to read both, and no proof: '
           'a short step leaves little room to differ.</p>')
    for pair in pairs:
        yield ('<details><summary>%d %%&ensp;%s and %s</summary><ul>'
               % (pair.share, text(pair.one), text(pair.other)))
        for one, other in pair.runs:
            yield '<li>%s and %s</li>' % (text(in_lines(one)),
                                          text(in_lines(other)))
        yield '</ul></details>'


def in_lines(place):
    """Returns a place in a source, as it is said."""
    return '%s, lines %d to %d' % place


# --- rows that students wrote (make rowhunt) ---

# verdict is accepted, not accepted, or no verdict; why says why not. near is
# the tests' own row that is nearest: (per cent, title).
Row = collections.namedtuple(
    'Row', 'name verdict why mistake what told row near')
MOST_SHOWN = 20000  # of a row


def plain(name):
    """Returns a name as it is printed."""
    return scores.visible(name.encode('utf-8', 'surrogateescape'))


def rows_page(rows, rung):
    """Returns rows.html."""
    title = '%s: %s' % (rung, many(len(rows), 'row'))
    accepted = sum(row.verdict == 'accepted' for row in rows)
    parts = ['<h1>%s</h1>' % text(title),
             '<p>%d accepted: they find the planted mistake, and hold on our '
             'program and on those of other designs.</p>' % accepted]
    for row in sorted(rows, key=lambda r: (r.verdict, r.name)):
        parts.append('<details><summary>%s: <span class="%s">%s</span> '
                     '<span class="how dim">%s</span></summary>'
                     % (text(row.name),
                        'good' if row.verdict == 'accepted' else 'bad',
                        text(row.verdict), text(row.mistake)))
        parts.append('<p>%s</p>' % text(row.what))
        if row.near[0] >= 80:
            parts.append('<p class="warn">%d %% of its sentences stand in the '
                         'tests, too: %s</p>'
                         % (row.near[0], text(row.near[1])))
        parts.append('<pre>%s</pre><pre>%s</pre></details>'
                     % (text(row.row[:MOST_SHOWN]), text(row.told or row.why)))
    return page(title, '\n'.join(parts))


def rows_table(rows):
    """Returns rows.csv, as grades.csv is written."""
    out = io.StringIO(newline='')
    writer = csv.writer(out)
    writer.writerow(['name', 'verdict', 'note', 'mistake', 'as the tests, %',
                     'which row'])
    for row in sorted(rows, key=lambda r: r.name):
        writer.writerow([cell(c) for c in (
            row.name, row.verdict, row.why, row.mistake, row.near[0],
            row.near[1])])
    return b'\xef\xbb\xbf' + out.getvalue().encode('utf-8')


# --- the table of grades ---

HEAD = ['name', 'rung', 'built', 'points', 'max', 'step points', 'step max',
        'failures', 'final', 'note']


def grades(students, rung):
    """Returns grades.csv by RFC 4180, in UTF-8 with a byte-order mark."""
    titles = scores.step(rung)
    out = io.StringIO(newline='')
    writer = csv.writer(out)
    writer.writerow(HEAD)
    for student in sorted(students, key=lambda s: s.name):
        cells = [student.name, rung] + [''] * 6 + ['no', student.why]
        if student.state == 'graded':
            cells = ([student.name, rung,
                      'yes' if scores.builds(student) else 'no']
                     + list(scores.points(student))
                     + list(scores.step_points(student, titles))
                     + [len(scores.first_causes(student)), 'yes',
                        student.lower])
        writer.writerow([cell(c) for c in cells])
    return b'\xef\xbb\xbf' + out.getvalue().encode('utf-8')


def cell(value):
    """Returns a cell that no spreadsheet takes for a formula."""
    if isinstance(value, int):
        return value
    raw = value.encode('utf-8', 'surrogateescape')
    return scores.cell(scores.visible(raw))
