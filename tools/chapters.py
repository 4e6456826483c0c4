"""The chapters of the notes: files of notes/, in the order of NOTES.md."""
import glob
import os
import re

CONTENTS = "NOTES.md"
HEADING = "## The chapters"


def anchor_of(heading):
    """GitHub's name for a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def files():
    return sorted(glob.glob("notes/*.md"))


def name_of(path):
    """v5_locks for notes/v5_locks.md."""
    return os.path.splitext(os.path.basename(path))[0]


def path_of(document, link):
    """What a link of a document names, as a path from the top of the kit."""
    if not link:
        return document
    return os.path.normpath(os.path.join(os.path.dirname(document), link))


def path_from(document, path):
    """How a document links to a path."""
    return os.path.relpath(path, os.path.dirname(document) or ".")


def order():
    """The chapters in the order in which the lines of the tables and lists
    under HEADING link them."""
    with open(CONTENTS, encoding="utf-8") as f:
        part = f.read().partition(f"\n{HEADING}\n")[2].partition("\n## ")[0]
    return re.findall(r"^(?:\| |- )\[[^\]]*\]\((notes/[\w-]+\.md)\)", part, re.M)


def title_of(path):
    """Its first heading, short enough for a line of links."""
    with open(path, encoding="utf-8") as f:
        return f.readline().lstrip("# ").rstrip("\n")


def last_line(among, path):
    """The links at the end of a chapter: the one before, up, the next."""
    def link(other, words):
        return f"[{words}]({path_from(path, other)})"

    at = among.index(path)
    links = [link(other, "← " + title_of(other)) for other in among[:at][-1:]]
    links.append(link(CONTENTS, "All chapters"))
    links += [link(other, title_of(other) + " →") for other in among[at + 1:][:1]]
    return " · ".join(links)


def is_last_line(line):
    return f"]({path_from('notes/x.md', CONTENTS)})" in line and \
        "[All chapters]" in line
