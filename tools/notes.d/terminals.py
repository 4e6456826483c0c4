"""Terminals to type into, and the processes in them. Linux only: that everyone
waits is seen in /proc (proc(5))."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

PROMPT = "@@prompt@@ "
DEADLINE = float(os.environ.get("KIT_DEADLINE", "20"))  # seconds; ends a hang
FLOOD = 1 << 16  # bytes; of a terminal's output no more is kept


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


def end_descendants():
    for pid in descendants():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Terminal:
    """An interactive bash on a pseudo-terminal that does not echo."""

    def __init__(self, name, folder, home):
        self.name, self.raw, self.ended = name, "", False
        self.done = 0  # so much of raw has been forgotten
        self.asked = 0  # how long raw was when the last command was typed
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # "make check &" does
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
        end_descendants()
        for t in self.terminals.values():
            os.close(t.fd)
            os.waitpid(t.pid, 0)
        self.terminals = {}
