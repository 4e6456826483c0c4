"""Blocks of the kind console: what is typed there is played, compared, and
written anew."""
import concurrent.futures
import os
import re
import tempfile

import alone
import compare
import copies
import sessions
import terminals


class Session:
    """Blocks that are played one after another in the same terminals."""

    def __init__(self, block):
        self.blocks, self.steps = [], []
        self.add(block)

    def add(self, block):
        block.steps = sessions.parse(block.lines, block.first)
        self.blocks.append(block)
        self.steps += block.steps


def begins_anew(block, last):
    if last is None or last.headings != block.headings:
        return True
    first = next((line for line in block.lines if not line.startswith("# ")), "")
    return first.startswith("$ ") or \
        bool(re.match(r"S\$ (?!echo|fg|kill)", first))


def sessions_of(document):
    found, last = [], None
    for block in document.blocks:
        if block.kind != "console":
            continue
        if begins_anew(block, last):
            found.append(Session(block))
        else:
            found[-1].add(block)
        last = block
    return found


def said(step):
    what = {"time": f"# {step.text} seconds later", "$": f"{step.name}$ {step.text}",
            ">": f"{step.name}> {step.text}"}[step.kind]
    return "$ " + step.text if step.name == "$" else what


def told_as(step, name, line):
    return line if step.name == "$" else f"{name}  {line}"


def complain(session):
    for step in session.steps:
        if step.holds:
            continue
        where = f"{session.blocks[0].document}:{step.number}"
        out = [f"{where}: after  {said(step)}"]
        if step.trouble:
            return out + [f"    {step.trouble}"]
        for name in sorted({n for n, _ in step.told} | set(step.seen)):
            told, seen = step.told_of(name), step.seen.get(name, [])
            out += ["    the text has:"] + [
                "      " + told_as(step, name, line) for line in told or ["(nothing)"]]
            out += ["    what is seen:"] + [
                "      " + told_as(step, name, line)
                for line in (seen or ["(nothing)"])[:30]]
        return out
    return []


def as_seen(told, seen, names):
    """A line of the text with today's times, ports and numbers."""
    times = (compare.pattern_of(told)[0].match(line) for line in seen)
    values = next((match.groups() for match in times if match), None)
    if values is None:
        return told
    values = iter(values)

    def today(found):
        kind, word, value = found.lastgroup, found.group(found.lastgroup), next(values)
        if kind == "ps":
            value = re.sub(r"\d+", lambda n: names.real.get(("pid", n[0]), n[0]), word)
        elif kind not in compare.FREE:
            value = names.real.get((kind, word), word)
        start, end = (p - found.start() for p in found.span(kind))
        return found.group()[:start] + value + found.group()[end:]

    return compare.VOLATILE.sub(today, told)


def renewed(block, names):
    """The lines of a block, with what was seen in this run."""
    lines, steps = [], {step.number: step for step in block.steps}
    for number, line in enumerate(block.lines, block.first):
        if number not in steps:
            if line.startswith("# "):
                lines.append(line)
            continue
        step = steps[number]
        lines.append(line)
        if step.holds:
            lines += [told_as(step, name, as_seen(text, step.seen.get(name, []),
                                              names))
                      for name, text in step.told]
            continue
        for name in sorted(step.seen, key=lambda n: (n != "S", n)):
            seen = step.seen[name]
            if len(seen) > 16:
                seen = seen[:2] + ["..."]
            lines += [told_as(step, name, text) for text in seen]
    return lines


def check_sessions(documents, wanted, kit, renew, by_name):
    todo = [s for d in documents for s in sessions_of(d) if wanted(s.blocks[0])]
    if not todo:
        return [], 0
    problems, patience = [], 12.0 if renew else terminals.DEADLINE
    prefix, folder = alone.isolation(), copies.another(kit)

    def play(session):
        home = tempfile.mkdtemp(prefix="home.", dir=os.path.dirname(folder))
        return alone.play_alone(session.steps, folder, home, patience, prefix)

    # Without a network of their own they take turns, for port 9999.
    with concurrent.futures.ThreadPoolExecutor(4 if prefix else 1) as pool:
        for session, (steps, names) in zip(todo, pool.map(play, todo)):
            by_number = {step.number: step for step in steps}
            session.steps = steps
            for block in session.blocks:
                block.steps = [by_number[step.number] for step in block.steps]
            found = complain(session)
            # What was asked for by name is written anew even if it holds.
            if renew and (found or by_name) and not any(s.trouble for s in steps):
                for block in session.blocks:
                    block.new = renewed(block, names)
            else:
                problems += found
    return problems, len(todo)


def check_text(block):
    """A session must not pass for a drawing."""
    return [f"{block.where()}: a session in a block of text: {line}"
            for line in block.lines if re.match(r"([A-Z]?[$]|[A-Z]>) ", line)]
