"""Sessions: plays what people type into several terminals, and compares.

A session is text like this, in the order of time:

    S$ ./server                                    typed at the shell of S
    S  2026-11-23 10:45:29 main listening on 127.0.0.1:9999       seen in S
    # in another terminal                          a remark
    A$ nc localhost 9999
    A> hello                                       typed into the program
    A  Your msg = hello
    # 2 seconds later                              time passes
    S> ^C                                          a key; also ^D, ^Z, (Enter)

Each letter is a terminal of its own: bash on a pseudo-terminal (pty(7)). A
block that begins with "$ " has one terminal, and shows its output as it is. A
line "..." stands for any number of lines, and "..." within a line for any text;
"(nothing)" says that nothing is seen. Not shown are the prompts, the echo of
what is typed, and empty lines.

Times, ports that the kernel picks, process numbers and addresses may differ,
but a port that is the same twice must be the same twice (see VOLATILE).

Linux only: that everyone waits is seen in /proc (proc(5)).
"""
import fcntl
import os
import pickle
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

PROMPT = "@@prompt@@ "
DEADLINE = float(os.environ.get("KIT_DEADLINE", "20"))  # seconds; ends a hang
FLOOD = 1 << 16  # bytes; of a terminal's output no more is kept

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
FREE = ("time", "counted", "ps", "wchan")  # kinds that need not be the same twice


# --- comparing ---


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
        for (kind, word), value in zip(words, values):
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


# --- terminals ---


def processes():
    """PID to (parent, is it at rest) of all processes there are."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            rest, parent = True, 0
            for task in os.listdir(f"/proc/{name}/task"):
                with open(f"/proc/{name}/task/{task}/stat", "rb") as f:
                    comm, _, fields = f.read().rpartition(b") ")
                fields = fields.split()
                parent = int(fields[1])
                # One who sleeps for a time is not at rest.
                if fields[0] not in (b"S", b"T", b"Z", b"t") \
                        or comm.endswith(b"(sleep"):
                    rest = False
            found[int(name)] = (parent, rest)
        except (OSError, IndexError, ValueError):
            continue  # it has just ended
    return found


def descendants():
    """PID to (is it at rest) of all processes that descend from this one."""
    table, ours, grown = processes(), {os.getpid()}, True
    while grown:
        grown = False
        for pid, (parent, _) in table.items():
            if parent in ours and pid not in ours:
                ours.add(pid)
                grown = True
    return {pid: table[pid][1] for pid in ours - {os.getpid()}}


class Terminal:
    """An interactive bash on a pseudo-terminal that does not echo."""

    def __init__(self, name, folder, home):
        self.name, self.raw, self.ended = name, "", False
        self.done = 0  # so much of raw has been forgotten
        self.asked = 0  # how long raw was when the last command was typed
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it
            mode = termios.tcgetattr(0)
            mode[3] &= ~termios.ECHO
            termios.tcsetattr(0, termios.TCSANOW, mode)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
            os.chdir(folder)
            env = {k: os.environ[k] for k in ("PATH", "TMPDIR") if k in os.environ}
            env.update(HOME=home, TERM="dumb", LC_ALL="C.UTF-8", COLUMNS="100",
                       PS1=PROMPT, PS2="", HISTFILE="", NO_COLOR="1",
                       GIT_CONFIG_NOSYSTEM="1")
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting",
                                "-i"], env)

    def send(self, data):
        os.write(self.fd, data)

    def take(self):
        """Takes what there is to read; tells whether there was anything."""
        if self.ended or not select.select([self.fd], [], [], 0)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: the shell has ended
            data = b""
        if not data:
            self.ended = True
            return True
        self.raw += data.decode("utf-8", "backslashreplace")
        if len(self.raw) - self.done > 2 * FLOOD:  # keep both ends of a flood
            kept = self.raw[self.done:]
            self.raw = self.raw[:self.done] + kept[:FLOOD] + "\n" + kept[-FLOOD:]
            self.asked = min(self.asked, self.done)
        return True

    def idle(self):
        """Is the shell waiting for a command?"""
        return self.ended or PROMPT in self.raw[self.asked:]

    def lines(self):
        """What has been seen since the last call of forget()."""
        text = self.raw[self.done:].replace(PROMPT, "\n")
        text = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", text)
        lines = re.split("[\r\n]+", text)
        lines = [re.sub("^(>>> )+", "", line).rstrip() for line in lines]
        return [line for line in lines if line not in ("", ">>>", "exit")]

    def forget(self):
        self.done = len(self.raw)


class Stage:
    """The terminals of one session."""

    def __init__(self, folder, home):
        self.folder, self.home, self.terminals = folder, home, {}
        with open(os.path.join(home, ".bashrc"), "w", encoding="utf-8") as f:
            f.write(f"PS1='{PROMPT}'\n")  # for a bash that is started in one

    def terminal(self, name):
        one = self.terminals.get(name)
        if one is None or one.ended:
            one = self.terminals[name] = Terminal(name, self.folder, self.home)
            self.wait(one.idle)
            one.forget()
        return one

    def take(self):
        return any([t.take() for t in self.terminals.values()])

    def at_rest(self):
        """Do all processes sleep, with nothing left to read, for a while?"""
        for _ in range(4):
            if self.take() or not all(descendants().values()):
                return False
            time.sleep(0.012)
        return not self.take()

    def wait(self, condition):
        """Reads on until the condition holds; False at the deadline."""
        end = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > end:
                return False
            select.select([t.fd for t in self.terminals.values() if not t.ended],
                          [], [], 0.01)
            self.take()
        return True

    def end(self):
        for pid in descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for t in self.terminals.values():
            os.close(t.fd)
            os.waitpid(t.pid, 0)
        self.terminals = {}


# --- sessions ---


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
            same_lines(self.told_of(n), self.seen.get(n, []), names)
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


def play(steps, folder, home, patience=DEADLINE):
    """Plays the steps; leaves in each what was seen, and whether it holds.

    What is told and does not come is waited for, patience seconds long. Who
    cannot do what the step says ends it all. Returns the names of what is
    volatile.
    """
    stage, names = Stage(folder, home), Names()
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


# --- alone ---


def raise_loopback():
    """Raises the interface lo of a new network namespace: netdevice(7)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        up = struct.pack("16sh", b"lo", 0x41)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(s, 0x8914, up)  # SIOCSIFFLAGS


def isolation():
    """The command that gives a session a network and process numbers of its
    own, so that port 9999 is free (unshare(1)); empty where it is forbidden."""
    for options in ([], ["--map-root-user"]):
        command = ["unshare", "--net", "--pid", "--fork", "--mount-proc"] + options
        try:
            if subprocess.run(command + ["true"], stderr=subprocess.DEVNULL
                              ).returncode == 0:
                return command
        except FileNotFoundError:
            pass
    return []


def play_alone(steps, folder, home, patience, prefix):
    """As play, in a process of its own, started by the command prefix."""
    done = subprocess.run(prefix + [sys.executable, __file__], check=True,
                          input=pickle.dumps((steps, folder, home, patience,
                                              bool(prefix))),
                          stdout=subprocess.PIPE)
    return pickle.loads(done.stdout)


def main():
    import sessions  # so that what is pickled has the same name there and here
    steps, folder, home, patience, isolated = pickle.load(sys.stdin.buffer)
    if isolated:
        raise_loopback()
    names = sessions.play(steps, folder, home, patience)
    pickle.dump((steps, names), sys.stdout.buffer)


if __name__ == "__main__":
    main()
