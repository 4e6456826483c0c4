"""Commands, in blocks of the kind sh and in sentences: each is played, or
tests/commands.tsv says who else does."""
import concurrent.futures
import functools
import os
import re
import subprocess

import copies
import sessions


def plan():
    """tests/commands.tsv: command to (how, what)."""
    found = {}
    with open("tests/commands.tsv", encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                command, how, what = line.rstrip("\n").split("\t")
                found[command] = (how, what)
    return found


@functools.lru_cache(maxsize=None)
def commands_of(block):
    """(where, command) of a block, without the remarks behind them."""
    found, part, first = [], "", 0
    for number, line in enumerate(block.lines, block.first):
        line = re.sub(r"\s+# .*", "", line)
        first = first if part else number
        part = f"{part}\n{line}" if part else line
        if part.strip() and subprocess.run(
                ["bash", "-n"], input=part, text=True, stderr=subprocess.PIPE
                ).returncode == 0 and not part.endswith("\\"):
            found.append((f"{block.document}:{first}", part))
            part = ""
    return found + ([(f"{block.document}:{first}", part)] if part.strip() else [])


def check_plan(known, documents):
    """That those who are said to play a command do so, and that it is named."""
    problems = []
    named = {c for d in documents for _, c in inline_commands(d)}
    named |= {c for d in documents for b in d.blocks if b.kind == "sh"
              for _, c in commands_of(b)}
    problems += [f"tests/commands.tsv: {c}: nobody names this"
                 for c in known if c not in named]
    with open(".ci/run", encoding="utf-8") as f:
        ci = [part.strip() for line in f
              for part in [line] + re.split(r"&&|\|", line)]
    for command, (how, what) in known.items():
        here = f"tests/commands.tsv: {command}:"
        if how == "ci":
            if what not in ci:
                problems.append(f"{here} .ci/run has no line {what}")
        elif how == "bats":
            path, _, title = what.partition(" ")
            if not os.path.exists(path) or \
                    f'@test "{title}" {{' not in open(path, encoding="utf-8").read():
                problems.append(f"{here} {path} has no test {title}")
        elif how not in ("status", "people"):
            problems.append(f"{here} there is no way {how}")
    return problems


def run_commands(commands, kit):
    """Runs commands, one after another, in a copy of the kit."""
    known = plan()
    script = ["set -o pipefail; unset MAKEFLAGS MFLAGS MAKELEVEL CI",
              "export NO_COLOR=1 KIT_DEADLINE=8"]  # as make watch does
    played = [c for c in commands
              if known.get(c[1], ("status",))[0] == "status"]
    if not played:
        return []
    for i, (_, command) in enumerate(played):
        script.append(f"echo; echo '@@begin {i}'\n{{ {command}\n}} </dev/null\n"
                      f"echo \"@@status $?\"")
    # What never ends is ended, with all that it has started.
    out = subprocess.run(["timeout", "-k", "5", "600", "bash", "-c",
                          "\n".join(script)], cwd=copies.another(kit), text=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, errors="replace").stdout
    problems = []
    for i, (where, command) in enumerate(played):
        said = re.search(rf"^@@begin {i}\n(.*?)^@@status (\d+)$", out, re.S | re.M)
        _, what = known.get(command, ("status", "0"))
        status, _, words = what.partition(" ")
        if not said or said.group(2) != status or \
                not re.search(words, said.group(1), re.M):
            problems.append(f"{where}: this does not end with status {status}"
                            f"{', and print ' + words if words else ''}: {command}")
            problems += [f"    {line}" for line in
                         (said.group(1) if said else out).split("\n")[-20:]]
    return problems


def check_commands(documents, wanted, kit):
    groups = {}
    for d in documents:
        for block in d.blocks:
            if block.kind == "sh" and wanted(block):
                key = (d.name, *block.headings[:2])
                groups.setdefault(key, []).extend(commands_of(block))
    problems = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for found in pool.map(lambda part: run_commands(part, kit), groups.values()):
            problems += found
    return problems, sum(len(g) for g in groups.values())


# What looks like a command within a sentence: a program with an argument.
COMMAND = re.compile(r"`((?:make|tests/run|tools/\w+|cc|gcc|diff|setarch|ulimit|printf"
                     r"|kill|echo|cp|nc|socat|telnet|seq|ss|ps|git|rm|less|exec|cat|sudo"
                     r"|brew|xcode-select|(?:\.|client|v\d+_\w+)/\w+) [^`]+)`")


def inline_commands(document):
    """(where, command) of those named in sentences and in tables."""
    found = []
    text = [line for _, line, _ in document.prose]
    for (number, line, _), after in zip(document.prose, text[1:] + [""]):
        if line.count("`") % 2:  # goes on in the next line
            line = line + " " + after
        line = re.sub(" +", " ", line)
        found += [(f"{document.name}:{number}", m.group(1).replace("\\|", "|"))
                  for m in COMMAND.finditer(line)]
    return found


def is_part(command, whole):
    return re.search(r"(^|[\s(|;])" + re.escape(command) + r"($|[\s)|;&<>])", whole)


def check_inline(documents, kit):
    """Plays the commands named in sentences, but for those that a block plays.
    Those that need a second terminal must be in a session, or be a part of a
    command there."""
    blocks = [b for d in documents for b in d.blocks]
    in_blocks = {c for b in blocks if b.kind == "sh" for _, c in commands_of(b)}
    played = in_blocks.union(plan(), (
        s.text for b in blocks if b.kind == "console"
        for s in sessions.parse(b.lines, b.first)))
    problems, todo = [], {}
    for d in documents:
        for where, command in inline_commands(d):
            if re.match(r"make|tests/run|tools/|cp|diff|git|less", command):
                todo.setdefault(command, where)
            elif not any(is_part(command, whole) for whole in played):
                problems.append(f"{where}: in no session, and not in "
                                f"tests/commands.tsv: {command}")
    # What a student starts is there for the commands that follow.
    found = run_commands([(where, command) for command, where in todo.items()
                          if command not in in_blocks
                          or command.startswith("make start")], kit)
    return sorted(set(problems)) + found, len(todo)
