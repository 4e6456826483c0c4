"""What leads from one page to another: links, the order of the chapters, and
the titles of rows, which stand in italics."""
import os
import re

import chapters
import tables
from document import Document

# Only the links of these are checked.
LINKED = ["SECURITY.md", "bench/README.md", "tests/README.md"]


def check_links(documents):
    """That what a link names is there."""
    documents = documents + [Document(name) for name in LINKED]
    problems, anchors = [], {d.name: d.anchors for d in documents}
    for d in documents:
        text = "\n".join(d.lines)
        for found in re.finditer(r"\]\s*\(([^)\s]*)\)", text):
            path, _, anchor = found.group(1).partition("#")
            here = f"{d.name}:{text.count(chr(10), 0, found.start()) + 1}"
            if "://" in path:
                continue
            target = chapters.path_of(d.name, path)
            if not os.path.exists(target):
                problems.append(f"{here}: a link to {path}, which is not there")
            elif anchor and anchor not in anchors.get(target, {anchor}):
                problems.append(f"{here}: a link to {found.group(1)}, "
                                "which is no heading")
    return problems


def check_order(documents, renew):
    """That each chapter is linked, and ends with the links that lead on."""
    order = chapters.order()
    problems = [f"NOTES.md: {name} is not linked under \"The chapters\""
                for name in chapters.files() if name not in order]
    problems += [f"NOTES.md: {name} is linked more than once under "
                 "\"The chapters\"" for name in sorted(set(order))
                 if order.count(name) > 1]
    for d in documents:
        if d.name not in order:
            continue
        due = chapters.last_line(order, d.name)
        if d.lines[-2:] == [due, ""]:
            continue
        if renew:
            d.end_with(due)
        else:
            problems += [f"{d.name}:{len(d.lines) - 1}: the last line is not:",
                         f"    {due}"]
    return problems


def check_rows(documents):
    """That a behaviour in italics is a row, and a class behind it that row's."""
    table = {title: set(cells.values()) for title, _, cells in tables.rows()[1]}
    problems = []
    for d in documents:
        text = " ".join(line.strip() for _, line, _ in d.prose)
        for found in re.finditer(r"\*([a-z][^*?]{20,90})\*(?:,? \((?:both )?"
                                 r"`(n:\w+)`\))?", text.replace("**", "")):
            title, cell = found.groups()
            if title not in table:
                problems.append(f"{d.name}: in italics, and no row of the matrix: "
                                f"{title}")
            elif cell and cell not in table[title]:
                problems.append(f"{d.name}: {title}: no rung is {cell} there")
    return problems
