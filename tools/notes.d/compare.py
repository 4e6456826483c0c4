"""Compares what a session or a transcript shows with what the text tells."""
import re

VOLATILE = re.compile(
    r"(?P<time>(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d)"
    r"|(?<=127\.0\.0\.1:)(?P<port>[1-9]\d{4})"
    r"|(?P<address>0x[0-9a-f]{3,})"
    r"|(?<=pid=)(?P<tsan>\d+)"
    r"|(?<=\[)(?P<pid>\d+)(?= #)"
    r"|^ *(?P<ps>\d+(?: +\d+)?)(?= +(?:\d+ )?[A-Z][a-zA-Z+<]* )"
    r"|(?<= )(?P<wchan>[-a-z0-9_]+)(?= +serve(?:r)?$)"
    r"|^\[\d\] (?P<job>\d+)$"
    r"|(?<=counted: )(?P<counted>\d+; lost: [1-9]\d*)"
)
# How a line of a server's log begins, and what the shell says of a background
# job: these come in any order.
LOG = r"\d{4}-\d\d-\d\d |\[\d\] \d"
FREE = ("time", "counted", "wchan")  # kinds that need not be the same twice


def pattern_of(line):
    """A regular expression for a line of the text, and its volatile words."""
    out, words, at = [], [], 0

    def literal(text):
        parts = [re.sub(r"(\\ ){2,}", " +", re.escape(part))  # columns
                 for part in text.split("...")]
        return ".*".join(parts)

    for found in VOLATILE.finditer(line):
        out.append(literal(line[at:found.start(found.lastgroup)]))
        kind, word = found.lastgroup, found.group(found.lastgroup)
        words.append((kind, word))
        out.append({"time": r"([0-9 :-]+)", "address": r"(0x[0-9a-f]+)",
                    "counted": r"(\d+; lost: \d+)", "wchan": r"([-a-z0-9_]+)",
                    "ps": r" *(\d+(?: +\d+)?)"}.get(kind, r"(\d+)"))
        at = found.end(found.lastgroup)
    out.append(literal(line[at:]))
    text = "".join(out)
    if words and words[0][0] == "ps":
        text = text.lstrip("\\ ")
        text = " *" + text
    return re.compile(text + r"\Z", re.S), words


def each_number(words, values):
    """(kind, told, real) of each; the columns of ps(1) are process numbers."""
    for (kind, word), value in zip(words, values):
        if kind == "ps":
            yield from zip(["pid"] * 2, word.split(), value.split())
        else:
            yield kind, word, value


class Names:
    """Which volatile word of the text is which one of this run, both ways."""

    def __init__(self):
        self.real, self.told = {}, {}

    def copy(self):
        other = Names()
        other.real, other.told = dict(self.real), dict(self.told)
        return other

    def become(self, other):
        self.real, self.told = other.real, other.told

    def bind(self, words, values):
        trial = []
        for kind, word, value in each_number(words, values):
            if kind in FREE:
                continue
            if self.real.get((kind, word), value) != value:
                return False
            if self.told.get((kind, value), word) != word:
                return False
            trial.append((kind, word, value))
        for kind, word, value in trial:
            self.real[kind, word] = value
            self.told[kind, value] = word
        return True


def same_line(told, seen, names):
    pattern, words = pattern_of(told)
    found = pattern.match(seen)
    return bool(found) and names.bind(words, found.groups())


def in_order(told, seen, names):
    at, skipping = 0, False
    for line in told:
        if line == "...":
            skipping = True
            continue
        while skipping and at < len(seen) and not same_line(line, seen[at], names):
            at += 1
        if at >= len(seen) or not (skipping or same_line(line, seen[at], names)):
            return False
        at, skipping = at + 1, False
    return skipping or at == len(seen)


def in_any_order(told, seen, names):
    """The same, for lines that several threads, or processes, write at once."""
    if not told or not seen:
        return not told and not seen
    for i, line in enumerate(seen):
        trial = names.copy()
        if same_line(told[0], line, trial) and \
                in_any_order(told[1:], seen[:i] + seen[i + 1:], trial):
            names.become(trial)
            return True
    return False


def same_lines(told, seen, names):
    """Whether the lines seen are those told, and binds the names if so."""
    if told == ["(nothing)"]:
        return not seen
    for way in (in_order, in_any_order):
        trial = names.copy()
        if way(told, seen, trial):
            names.become(trial)
            return True
        if len(told) != len(seen) or not all(re.match(LOG, t) for t in told):
            break
    return False
