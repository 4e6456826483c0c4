"""Sessions: what people type into several terminals is played, and what they
see is compared with the text."""
import re
import time

import compare
import terminals

# A session is text like this, in the order of time:
#
#     S$ ./server                                    typed at the shell of S
#     S  2026-11-23 10:45:29 main listening on 127.0.0.1:9999       seen in S
#     # in another terminal                          a remark
#     A$ nc localhost 9999
#     A> hello                                       typed into the program
#     A  Your msg = hello
#     # 2 seconds later                              time passes
#     S> ^C                                          a key; also ^D, ^Z, (Enter)
#
# Each letter is a terminal of its own: bash on a pseudo-terminal (pty(7)). A
# block that begins with "$ " has one terminal, and shows its output as it is. A
# line "..." stands for any number of lines, and "..." within a line for any text;
# "(nothing)" says that nothing is seen. Not shown are the prompts, the echo of
# what is typed, and empty lines.
#
# Times, ports that the kernel picks, process numbers and addresses may differ, but
# what is the same twice in the text must be the same twice, and what is not must
# not (compare.py, VOLATILE).


class Step:
    """What somebody does, and what is then told to be seen."""

    def __init__(self, name, kind, text, number):
        self.name, self.kind, self.text, self.number = name, kind, text, number
        self.told = []  # (terminal, line)
        self.seen = {}  # terminal: lines
        self.trouble = ""  # why it cannot be done
        self.holds = None  # not played

    def told_of(self, name):
        return [line for n, line in self.told if n == name]

    def compare(self, names):
        everyone = {n for n, _ in self.told} | set(self.seen)
        return not self.trouble and all(
            compare.same_lines(self.told_of(n), self.seen.get(n, []), names)
            for n in sorted(everyone))


def parse(lines, first):
    """The steps of a block, whose first line has that number in its file."""
    steps, single = [], lines[0].startswith("$ ")
    for number, line in enumerate(lines, first):
        if line.startswith("# "):
            later = re.match(r"# (\d+) seconds? later", line)
            if later:
                steps.append(Step("", "time", later.group(1), number))
        elif single and line.startswith("$ "):
            steps.append(Step("$", "$", line[2:], number))
        elif single and line.startswith("> "):
            steps.append(Step("$", ">", line[2:], number))
        elif single and steps:
            steps[-1].told.append(("$", line))
        elif re.match(r"[A-Z][$>] ", line):
            steps.append(Step(line[0], line[1], line[3:], number))
        elif re.match(r"[A-Z]  ", line) and steps:
            steps[-1].told.append((line[0], line[3:]))
        else:
            raise ValueError(f"line {number} is of no kind: {line}")
    return steps


KEYS = {"^C": b"\x03", "^D": b"\x04", "^Z": b"\x1a", "(Enter)": b"\n"}


def perform(step, stage):
    if step.kind == "time":
        end = time.monotonic() + float(step.text)
        stage.wait(lambda: time.monotonic() > end)
        return
    terminal = stage.terminal(step.name)
    if step.kind == "$":
        if not stage.wait(terminal.idle):
            step.trouble = f"terminal {step.name} is still busy"
            return
        terminal.asked = len(terminal.raw)
        terminal.send(step.text.encode() + b"\n")
    else:
        if terminal.idle():
            step.trouble = f"nothing runs in terminal {step.name} to type it into"
            return
        terminal.send(KEYS.get(step.text, step.text.encode() + b"\n"))


def play(steps, folder, home, patience=terminals.DEADLINE):
    """Plays the steps; leaves in each what was seen, and whether it holds.

    What is told and does not come is waited for, patience seconds long. Who
    cannot do what the step says ends it all. Returns the names of what is
    volatile.
    """
    stage, names = terminals.Stage(folder, home), compare.Names()
    try:
        for step in steps:
            perform(step, stage)
            if step.trouble:
                break
            alone = step.name == "$"

            def arrived():
                if not stage.at_rest():
                    return False
                step.seen = {n: t.lines() for n, t in stage.terminals.items()
                             if t.lines()}
                if alone and not stage.terminals["$"].idle():
                    return False
                if time.monotonic() < silence:
                    return False
                return step.compare(names.copy()) or not step.told or \
                    time.monotonic() > end

            end = time.monotonic() + patience
            # That nothing comes takes a while to see.
            silent = any(line == "(nothing)" for _, line in step.told)
            silence = time.monotonic() + (1.5 if silent else 0)
            stage.wait(arrived)
            step.seen = {n: t.lines() for n, t in stage.terminals.items()
                         if t.lines()}
            for t in stage.terminals.values():
                t.forget()
            step.holds = step.compare(names)
    finally:
        stage.end()
    return names
