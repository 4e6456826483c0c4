"""What is made from the tables in tests/ and from the code: the tables of the
notes and of README.md."""
import functools
import re
import tempfile

import chapters
from document import Document
from shell import run


def rows():
    """The matrix: its columns, and (title, points, {column: cell})."""
    with open("tests/matrix.tsv", encoding="utf-8") as f:
        lines = [line.rstrip("\n").split("\t") for line in f]
    columns = lines[0][2:]
    return columns, [(line[0], int(line[1]), dict(zip(columns, line[2:])))
                     for line in lines[1:] if not line[0].startswith("#")]


@functools.lru_cache(maxsize=None)
def pairs():
    """Each rung that has one before it, to that one."""
    lines = run(["bash", "-c", ". tools/ladder.bash && pairs"]).splitlines()
    return {rung: past for past, rung in map(str.split, lines)}


def before(rung):
    """The rung that a rung is compared with."""
    return pairs().get(rung)


FLAWS = "notes/flaws.md"


@functools.lru_cache(maxsize=None)
def shown_by_hand():
    """Title of a row to the heading of FLAWS under which it is shown."""
    found = {}
    for _, line, headings in Document(FLAWS).prose:
        row = re.match(r"Row: \*(.*)\*$", line)
        if row:
            found[row.group(1)] = headings[-1]
    return found


def flaw_lines(document, flaws, rung):
    if not flaws:
        return [f"The matrix has no row that {rung} is known to fail."]
    shown, path = shown_by_hand(), chapters.path_from(document.name, FLAWS)
    out = ["| what does not hold | how it fails |", "| --- | --- |"]
    for title, cells in flaws:
        if title not in shown:
            raise SystemExit(f"notes: {FLAWS} does not show how {rung} fails: it "
                             f"needs a section with the line Row: *{title}*")
        to = f"{path}#{chapters.anchor_of(shown[title])}"
        out.append(f"| [{title}]({to}) | `{cells[rung]}` |")
    return out


def table_of_flaws(document, rung):
    """The rows that a rung is known to fail, and where that is shown: first
    those that the next rung fixes, then, folded, the others."""
    columns, table = rows()
    following = [c for c in columns if before(c) == rung and re.match(r"v\d", c)]
    flaws = [(t, c) for t, _, c in table if c[rung].startswith("n:")]
    cured = [(t, c) for t, c in flaws if following and c[following[0]] == "y"]
    later = [f for f in flaws if f not in cured]
    if not cured:
        return flaw_lines(document, flaws, rung)
    out = [f"The next rung, {following[0]}, fixes:", ""] + flaw_lines(document, cured, rung)
    if later:
        more = "One more row does" if len(later) == 1 else f"{len(later)} more rows do"
        out += ["", "<details>", f"<summary>{more} not hold there "
                "either</summary>", ""] \
            + flaw_lines(document, later, rung) + ["", "</details>"]
    return out


def table_of_rungs(document, title):
    """In which rungs a row is a known flaw: n: and y, rung by rung."""
    columns, table = rows()
    cells = dict((t, c) for t, _, c in table)[title]
    known = [c for c in columns if cells[c] != "-"]
    return ["| " + " | ".join(known) + " |", "|" + " --- |" * len(known),
            "| " + " | ".join(f"`{cells[c]}`" for c in known) + " |"]


def table_of_exercises(document):
    """What each exercise asks, in rows and points."""
    with open("tests/inhand.tsv", encoding="utf-8") as f:
        in_hand = dict(line.rstrip("\n").split("\t") for line in f
                       if not line.startswith("#"))
    out = ["| exercise | rows | points | in hand | new rows | their points |",
           "| --- | --- | --- | --- | --- | --- |"]
    _, table = rows()
    for rung, points in in_hand.items():
        past = before(rung)
        whole = [(t, p) for t, p, c in table if c[rung] == "y"]
        new = [(t, p) for t, p, c in table
               if c[rung] == "y" and (past is None or c[past] != "y")]
        out.append(f"| {rung} | {len(whole)} | {sum(p for _, p in whole)} "
                   f"| {points} | {len(new)} | {sum(p for _, p in new)} |")
    return out


def code_lines(path):
    """Lines of a C file, and those that are neither blank nor comment."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    bare = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return text.count("\n"), sum(1 for line in bare.split("\n") if line.strip())


def table_of_lines(document):
    out = ["| | lines | without comments and blanks |", "| --- | --- | --- |"]
    for path, remark in (("v6_errors/server.c", ""), ("socketserver/chat.c", ""),
                         ("socketserver/socketserver.c",
                          ", once for all servers")):
        out.append("| %s%s | %d | %d |" % (path, remark, *code_lines(path)))
    return out


def table_of_the_ladder(document):
    """Of each program how many rows hold, fail, and fail no more."""
    out = ["| | must hold | known flaws | cures |", "| --- | --- | --- | --- |"]
    columns, table = rows()
    for rung in columns:
        past = before(rung)
        cells = [c[rung] for _, _, c in table]
        flaws = sum(cell.startswith("n:") for cell in cells)
        cured = sum(c[rung] == "y" and c[past].startswith("n:")
                    for _, _, c in table) if past else 0
        out.append(f"| {rung} | {cells.count('y')} | {flaws or ''} "
                   f"| {cured or ''} |")
    return out


# What `make matrix` prints when all is as the matrix says. The rows that only
# the framework has are left out.
MATRIX = r"""
    work=$1
    . tools/machine.bash
    . tests/verdict/report.bash
    awk -F '\t' '
        NR == 1 { for (i = 3; i <= NF; i++) rung[i] = $i; next }
        /^#/ { next }
        { for (i = 3; i <= NF; i++) if ($i != "-")
            print rung[i] "\t" $1 "\t" $i "\tpassed\t\tyes" }
        ' tests/matrix.tsv >"$work/verdicts"
    table | sed '/^[^✓✗]*  ✓$/d'
    echo
    echo "$(wc -l <"$work/verdicts" | tr -d ' ') passed, 0 failed"
"""


def the_matrix(document):
    with tempfile.TemporaryDirectory() as work:
        return ["```text"] + run(["bash", "-c", MATRIX, "matrix", work]
                                 ).rstrip("\n").split("\n") + ["```"]


TABLES = {"flaws": table_of_flaws, "rungs": table_of_rungs,
          "exercises": table_of_exercises, "lines": table_of_lines,
          "ladder": table_of_the_ladder, "matrix": the_matrix}
