#!/usr/bin/env python3
"""play: three servers, a dozen people, random talk, random faults.

    play.py STAGE SERVER BROKER SEED HISTORY

STAGE is v10_pubsub or v11_log, SERVER its program, BROKER redis-server or our
kafka (tests/broker). Whatever people said and heard, what the servers logged,
and each fault is written to the file HISTORY, for judge.py. Exit status 0 if
the play came to its end, whatever was heard in it; 1 if something never came
that was waited for (the history says so, too); 2 for a wrong argument.

The seed decides who speaks when, and which faults strike whom, when and for how
long. The machine decides the rest: the same seed is the same plan, not the same
microseconds.

The history has a JSON object a line. Each has a "step" and an "event". A step is
one turn of our loop, which reads all sockets and then all logs: so what a server
logged before it sent a line is in that line's step or in an earlier one.

  begin    stage, seed, plan
  up       server, pid                     it is ready
  down     server, was_up, status          it has ended; was it ready before? -9:
                                           we have killed it
  joined   session, server, fresh          ann.2 is Ann's second connection; fresh:
                                           a reader who comes after everything
                                           has healed, and reads the whole room
  said     session, line                   handed to the network
  heard    session, head, line             head: time and address
  refused  session, why                    the server: "not said"
  perhaps  session, why                    the server: "perhaps not said"
  gone     session, why                    the connection ended
  lost     server                          its log: the broker is lost
  found    server                          its log: the broker is back
  slow     server                          its log: somebody was too slow, and goes
  fault    kind, server, struck, dropped   struck: it did something; dropped: how
                                           many bytes never arrived
  stuck    for                             what never came; the play ends
  fence    line                            said last, when everything had healed
  end      whole                           whole: a newcomer hears all there is

Long runs of one letter in a line are written as "x*5000".

Each server is linked to the broker by a relay of ours: see relay.py.
"""
import ctypes
import json
import os
import random
import re
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time

from relay import CHUNK, Link, quiet

SERVERS = ["east", "west", "north"]
NAMES = ["alice", "bob", "carol", "dave", "ann", "ben",
         "cleo", "dan", "eve", "fay", "gus", "hal"]
DEADLINE = float(os.environ.get("CLUSTER_DEADLINE", "300"))  # only ends a hang
MORE = [" " + "x" * 5000, " " + "x" * 60000, " \0 \u4f60\u597d"]

# One is left out: a network that keeps what a server has sent until the server
# has given that connection up and has another. On v10 such lines come after all,
# behind what the same people have said since. v10 does not promise otherwise.
FAULTS = {
    "v10_pubsub": ["freeze", "kill", "kill heard", "kill between", "cut",
                   "cut", "half cut", "stall", "deaf", "broker freeze",
                   "broker kill", "found out"],
    "v11_log": ["freeze", "kill", "kill heard", "kill between", "cut", "cut",
                "stall", "deaf", "broker freeze", "broker down", "flood"],
}


class Stuck(Exception):
    """Something never came."""


def too_late(*_):
    raise Stuck("the end of a turn")


def die_with_us():
    """Who kills us leaves nothing behind, where the system can do that."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    except (OSError, AttributeError):
        pass


class Process:
    """A program of ours, which we end by its number, whatever happens."""

    def __init__(self, play, argv, **how):
        how.setdefault("stdin", subprocess.DEVNULL)
        self.child = subprocess.Popen(argv, start_new_session=True,
                                      preexec_fn=die_with_us, **how)
        self.pid = self.child.pid
        play.processes.append(self)

    def signal(self, number):
        if self.child.poll() is None:
            os.kill(self.pid, number)

    def end(self):
        """It cannot refuse, and we see it gone. True if it was alive."""
        alive = self.child.poll() is None
        self.signal(signal.SIGKILL)
        self.child.wait()
        return alive


class Redis:
    """It listens on a path: there is no port that another could take while it
    is away."""

    def __init__(self, play, program):
        self.play, self.program = play, program
        self.path = os.path.join(play.folder, "redis")
        self.start()

    def start(self):
        self.process = Process(
            self.play, [self.program, "--port", "0", "--unixsocket", self.path,
                        "--save", "", "--appendonly", "no",
                        "--dir", self.play.folder], stdout=subprocess.DEVNULL)

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(self.path)
        except OSError:
            s.close()
            return None
        return s

    def is_up(self):
        s = self.connect()
        if s is not None:
            s.close()
        return s is not None

    def has_ended(self):
        return self.process.child.poll() is not None


class Kafka:
    """Our broker of tests/broker: it obeys "down" and "up"."""

    def __init__(self, play, program):
        self.process = Process(play, [program], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
        self.port = int(self.answer().rsplit(b":", 1)[1])
        self.up = True

    def answer(self):
        return self.process.child.stdout.readline().strip()

    def order(self, word):
        self.process.child.stdin.write(word + b"\n")
        self.process.child.stdin.flush()
        self.answer()
        self.up = word == b"up"

    def connect(self):
        try:
            return socket.create_connection(("127.0.0.1", self.port), 0.2)
        except OSError:
            return None

    def is_up(self):
        return self.up

    def has_ended(self):
        return self.process.child.poll() is not None


class Server:
    def __init__(self, play, name):
        self.play, self.name = play, name
        self.link = Link(play)
        self.process = None
        self.port = None     # where it listens, once it is ready
        self.linked = False  # as its log says
        self.busy = False    # a fault has it
        self.log = b""

    def start(self):
        argv = [self.play.program, "-b", "127.0.0.1:%d" % self.link.port]
        if self.play.kafka:
            argv += ["-l", "1024"]
        self.process = Process(self.play, argv + ["127.0.0.1", "0"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.port, self.linked, self.log = None, False, b""
        os.set_blocking(self.process.child.stderr.fileno(), False)
        self.play.selector.register(self.process.child.stderr,
                                    selectors.EVENT_READ)

    def read_log(self):
        if self.process is None:
            return
        while True:
            data = quiet(os.read, self.process.child.stderr.fileno(), CHUNK)
            if not data:
                break
            self.log += data
        *lines, self.log = self.log.split(b"\n")
        for line in lines:
            self.obey(line.decode(errors="replace"))
        if data == b"":
            self.forget()

    def obey(self, line):
        note = self.play.note
        if self.play.verbose:
            print("%s: %s" % (self.name, line), file=sys.stderr)
        if "main listening on" in line:
            self.port = int(line.rsplit(":", 1)[1])
            self.linked = True
            note("up", server=self.name, pid=self.process.pid)
        elif "main lost the broker" in line:
            self.linked = False
            note("lost", server=self.name)
        elif "main found the broker" in line:
            self.linked = True
            note("found", server=self.name)
        elif line.endswith(" too slow"):
            note("slow", server=self.name)

    def forget(self):
        """It has ended: by a fault, by itself, or before it was ready."""
        self.play.watch(self.process.child.stderr, 0)
        try:
            status = self.process.child.wait(5)
        except subprocess.TimeoutExpired:
            status = None  # It has closed its log, and lives.
            self.process.end()
        self.process.child.stderr.close()
        self.play.note("down", server=self.name, was_up=self.port is not None,
                       status=status)
        self.process, self.port, self.linked = None, None, False

    def kill(self):
        alive = self.process is not None and self.process.end()
        self.read_log()
        return alive

    def is_ready(self):
        """Where nobody has ended it on purpose, it is started again, as by
        somebody who looks after it: one that starts without a broker ends."""
        if self.process is None:
            self.start()
        return self.port is not None


class Person:
    def __init__(self, play, name, server, fresh=False):
        self.play, self.name, self.server, self.fresh = play, name, server, fresh
        self.sock = None
        self.sessions = 0
        self.said = 0
        self.out = self.got = b""
        self.heard = set()
        self.refused = 0
        self.next = 0

    @property
    def session(self):
        return "%s.%d" % (self.name, self.sessions)

    def join(self):
        if self.server.port is None:
            return
        try:
            self.sock = socket.create_connection(
                ("127.0.0.1", self.server.port), 1)
        except OSError:
            return
        self.sock.setblocking(False)
        self.play.watch(self.sock, selectors.EVENT_READ)
        self.sessions += 1
        self.out = self.got = b""
        self.heard = set()
        self.play.note("joined", session=self.session, server=self.server.name,
                       fresh=self.fresh)

    def gone(self, why):
        self.play.watch(self.sock, 0)
        self.sock.close()
        self.sock = None
        self.play.note("gone", session=self.session, why=why)

    def say(self, more=""):
        """Returns what is said: nobody says it again."""
        self.said += 1
        line = "%s-%d%s" % (self.name, self.said, more)
        self.play.note("said", session=self.session, line=short(line))
        self.out += line.encode() + b"\n"
        self.write()
        return short(line)

    def write(self):
        while self.sock is not None and self.out:
            n = quiet(self.sock.send, self.out)
            if not n:
                break  # If it is broken, read() finds out.
            self.out = self.out[n:]
        if self.sock is not None:
            self.play.watch(self.sock, selectors.EVENT_READ
                            | (selectors.EVENT_WRITE if self.out else 0))

    def read(self):
        data = b"x"
        while self.sock is not None and data:
            data = quiet(self.sock.recv, CHUNK)
            self.got += data or b""
        *lines, self.got = self.got.split(b"\n")
        for line in lines:
            self.hear(line.decode(errors="replace"))
        if self.sock is not None and data == b"":
            self.gone("the server closed it")

    def hear(self, text):
        m = re.match(r"(\[[0-9: -]{19}\] (\S+)) (.*)", text, re.S)
        head, who, line = m.groups() if m else ("", "", text)
        line = short(line)
        if who == "server":
            self.refused += 1
            perhaps = line.startswith("perhaps")
            self.play.note("perhaps" if perhaps else "refused",
                           session=self.session, why=line)
            return
        self.heard.add(line)
        self.play.note("heard", session=self.session, head=head, line=line)


def short(line):
    return re.sub(r"(.)\1{40,}", lambda m: "%s*%d" % (m[1], len(m[0])), line)


class Play:
    def __init__(self, stage, program, broker, seed, history):
        self.stage, self.program = stage, os.path.abspath(program)
        self.kafka = stage == "v11_log"
        self.seed, self.random = seed, random.Random(seed)
        self.verbose = bool(os.environ.get("CLUSTER_VERBOSE"))
        self.history = history
        self.step = 0
        self.selector = selectors.DefaultSelector()
        self.processes = []
        self.running = []  # faults
        self.people, self.servers = [], []
        self.talking = False
        self.folder = tempfile.mkdtemp(prefix="cluster")
        self.broker_program = broker
        self.broker_busy = False

    def note(self, event, **what):
        self.history.write(json.dumps(dict(step=self.step, event=event, **what))
                           + "\n")

    def watch(self, s, events):
        known = s.fileno() in self.selector.get_map()
        if known and events == 0:
            self.selector.unregister(s)
        elif known:
            self.selector.modify(s, events)
        elif events != 0:
            self.selector.register(s, events)

    # --- the loop ---

    def turn(self):
        self.step += 1
        self.selector.select(0.02)
        for server in self.servers:
            server.link.pump()
        for person in self.people:
            person.read()
        for server in self.servers:
            server.read_log()
        for person in self.people:
            if person.sock is None:
                person.join()
            person.write()
        if self.talking:
            self.talk()
        self.running = [f for f in self.running if next(f, "over") != "over"]

    def until(self, done, what):
        end = time.monotonic() + DEADLINE
        while not done():
            if time.monotonic() > end:
                raise Stuck(what)
            self.turn()

    def talk(self):
        now = time.monotonic()
        for person in self.people:
            if person.sock is not None and now >= person.next:
                r = self.random
                person.next = now + r.uniform(0.1, 1.2)
                for _ in range(r.choice([1, 1, 1, 3])):
                    person.say(r.choice([""] * 97 + MORE))

    # --- the faults: each is a generator, and goes on once a turn ---

    def wait(self, done, seconds=DEADLINE):
        """Waits in a fault. Returns whether it came."""
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            yield "waiting"
        return done()

    def surely(self, done, what):
        if not (yield from self.wait(done)):
            raise Stuck(what)

    def pause(self, seconds):
        yield from self.wait(lambda: False, seconds)

    def struck(self, kind, server, struck, dropped=0):
        self.note("fault", kind=kind, server=server, struck=bool(struck),
                  dropped=dropped)

    def count_said(self):
        return sum(p.said for p in self.people)

    def freeze(self, server, seconds):
        before = self.count_said()
        server.process.signal(signal.SIGSTOP)
        yield from self.pause(seconds)
        server.process.signal(signal.SIGCONT)
        self.struck("freeze", server.name, self.count_said() > before)

    def start_again(self, server):
        yield from self.pause(0.2)
        # It would end at once without a broker, and be started again and again.
        yield from self.wait(lambda: self.broker.is_up() and server.is_ready())

    def kill(self, server, _):
        for person in self.at(server):
            person.say()
        self.struck("kill", server.name, server.kill())
        yield from self.start_again(server)

    def at(self, server):
        return [p for p in self.people if p.server is server and p.sock is not None]

    def kill_heard(self, server, _):
        """At once when the speaker has heard it; did the others?"""
        came = False
        for person in self.at(server)[:1]:
            line = person.say()
            came = yield from self.wait(
                lambda: line in person.heard or person.sock is None, 5)
            came = came and line in person.heard
        self.struck("kill heard", server.name, server.kill() and came)
        yield from self.start_again(server)

    def kill_between(self, server, _):
        """It is killed when a line is acknowledged elsewhere, and before it can
        have heard it: it stands still."""
        came = False
        server.process.signal(signal.SIGSTOP)
        others = [p for p in self.people if p.server is not server
                  and p.server.linked and not p.server.busy and p.sock is not None]
        if others:
            person = self.random.choice(others)
            line = person.say()
            yield from self.wait(
                lambda: line in person.heard or person.sock is None, 5)
            came = line in person.heard
        self.struck("kill between", server.name, server.kill() and came)
        yield from self.start_again(server)

    def cut_pairs(self, kind, server, pairs, seconds):
        link = server.link
        before = link.dropped
        link.drop(pairs, "up") if self.kafka else link.drop(
            pairs, *self.random.choice([["up"], ["down"], ["up", "down"]]))
        yield from self.pause(self.random.uniform(0.1, 0.5))
        yield from self.surely(lambda: not link.waits_for_answers(),
                               "the broker's answers")
        link.is_cut = len(pairs) == len(link.pairs)
        n = link.close_pairs(pairs)
        yield from self.pause(seconds if link.is_cut else 0)
        link.is_cut = False
        self.struck(kind, server.name, n > 0, link.dropped - before)

    def cut(self, server, seconds):
        yield from self.cut_pairs("cut", server, list(server.link.pairs), seconds)

    def half_cut(self, server, seconds):
        """One of the two connections that v10 has."""
        pairs = list(server.link.pairs)
        self.random.shuffle(pairs)
        yield from self.cut_pairs("half cut", server, pairs[:1], seconds)

    def stall_ways(self, kind, server, seconds, *ways):
        """Nothing is lost, only late."""
        server.link.stalled = set(ways)
        yield from self.pause(seconds)
        held = server.link.held()
        server.link.stalled = set()
        self.struck(kind, server.name, held > 0)

    def stall(self, server, seconds):
        yield from self.stall_ways("stall", server, seconds, "up", "down")

    def deaf(self, server, seconds):
        """What it publishes arrives; what is published does not reach it."""
        yield from self.stall_ways("deaf", server, seconds, "down")

    def found_out(self, server, _):
        """A dead link behind an open connection: the server finds it out."""
        link = server.link
        before = link.dropped
        link.stalled = {"up", "down"}
        yield from self.surely(lambda: not server.linked,
                               "'lost the broker' in the log of " + server.name)
        link.close_pairs(list(link.pairs))
        link.stalled = set()
        self.struck("found out", server.name, True, link.dropped - before)

    def broker_freeze(self, _, seconds):
        before = self.count_said()
        self.broker.process.signal(signal.SIGSTOP)
        yield from self.pause(seconds)
        self.broker.process.signal(signal.SIGCONT)
        self.struck("broker freeze", "broker", self.count_said() > before)

    def broker_kill(self, _, seconds):
        n = sum(len(s.link.pairs) for s in self.servers)
        self.struck("broker kill", "broker", self.broker.process.end() and n > 0)
        yield from self.pause(seconds / 2)
        self.broker.start()
        yield from self.wait(self.broker.is_up)

    def broker_down(self, _, seconds):
        links = [s.link for s in self.servers]
        before = sum(link.dropped for link in links)
        n = sum(len(link.pairs) for link in links)
        for link in links:
            link.drop(link.pairs, "up")
        yield from self.pause(0.2)
        yield from self.surely(
            lambda: not any(link.waits_for_answers() for link in links),
            "the broker's answers")
        self.broker.order(b"down")
        for link in links:
            link.close_pairs(list(link.pairs))
        yield from self.pause(seconds)
        self.broker.order(b"up")
        self.struck("broker down", "broker", n > 0,
                    sum(link.dropped for link in links) - before)

    def flood(self, server, _):
        """So much without a broker that the server refuses some of it."""
        link = server.link
        before = link.dropped
        people = self.at(server)
        told = sum(p.refused for p in people)
        link.drop(link.pairs, "up")
        yield from self.surely(lambda: not link.waits_for_answers(),
                               "the broker's answers")
        link.is_cut = True
        link.close_pairs(list(link.pairs))
        yield from self.surely(lambda: not server.linked,
                               "'lost the broker' in the log of " + server.name)
        for person in people[:1]:
            for _ in range(12 if person.sock is not None else 0):
                person.say(" " + "x" * 55000)
        refused = yield from self.wait(
            lambda: sum(p.refused for p in people) > told, 10)
        link.is_cut = False
        self.struck("flood", server.name, refused, link.dropped - before)

    def take_turns(self, kind, server, seconds, delay):
        """A fault of the plan: when its time has come and it has its target."""
        yield from self.pause(delay)
        whole = kind.startswith("broker")
        if whole:
            yield from self.wait(lambda: not self.broker_busy and not any(
                s.busy for s in self.servers))
            self.broker_busy = True
        else:
            yield from self.wait(
                lambda: not self.broker_busy and not server.busy
                and server.is_ready() and server.linked and server.link.pairs)
            server.busy = True
        yield from getattr(self, kind.replace(" ", "_"))(server, seconds)
        # It heals before the next one strikes the same.
        if not whole:
            yield from self.wait(lambda: server.is_ready() and server.linked)
            server.busy = False
        else:
            self.broker_busy = False

    def plan(self):
        r = self.random
        kinds = r.sample(FAULTS[self.stage], 5)
        return [(kind, r.choice(SERVERS), round(r.uniform(0.3, 1.3), 2),
                 round(0.3 + i * r.uniform(0.6, 1.0), 2))
                for i, kind in enumerate(kinds)]

    # --- the acts ---

    def start(self):
        self.broker = (Kafka if self.kafka else Redis)(self, self.broker_program)
        self.until(lambda: self.broker.is_up() or self.broker.has_ended(),
                   "the broker")
        if self.broker.has_ended():
            sys.exit("play.py: %s has ended at once" % self.broker_program)
        self.servers = [Server(self, name) for name in SERVERS]
        self.until(lambda: all([s.is_ready() for s in self.servers]),
                   "the servers' start")
        self.people = [Person(self, name, self.servers[i % len(self.servers)])
                       for i, name in enumerate(NAMES)]
        self.until(self.all_here, "people who join")

    def all_here(self):
        return all(p.sock is not None for p in self.people)

    def strike(self, plan):
        by_name = {s.name: s for s in self.servers}
        self.talking = True
        self.running = [self.take_turns(kind, by_name[name], seconds, delay)
                        for kind, name, seconds, delay in plan]
        self.until(lambda: not self.running, "the end of a fault")
        end = time.monotonic() + 0.5
        self.until(lambda: time.monotonic() > end, "the last words")
        self.talking = False

    def fence(self, *servers):
        """Somebody at each of these servers says a line that all are to hear: so
        all that was said there before has arrived, or never will. On v10 it may
        be lost, as a server may learn late that it was cut off: then others say
        another. What was not heard is in the history, and judged. Returns the
        lines."""
        for tried in range(1000):
            self.until(lambda: self.all_ready() and self.all_here(), "healing")
            lines = [self.at(s)[tried % len(self.at(s))].say() for s in servers]
            # What v11 has taken it sends, however long that takes.
            patience = time.monotonic() + (DEADLINE if self.kafka else 5)
            self.until(lambda: self.all_heard(lines)
                       or time.monotonic() > patience
                       or self.kafka and not self.all_here(),
                       "a line said at the end, at everybody's")
            if self.all_heard(lines):
                return lines
            if time.monotonic() > self.ends:
                raise Stuck("a line that all hear")

    def all_ready(self):
        return all([s.is_ready() for s in self.servers])

    def all_heard(self, lines):
        return all(p.sock is not None and p.heard.issuperset(lines)
                   for p in self.people)

    def read_once_more(self):
        self.ends = time.monotonic() + DEADLINE
        self.fence(*self.servers)
        if self.kafka:  # a server that has only the log to go by
            self.servers.append(Server(self, "fresh"))
        self.until(self.all_ready, "a fresh server")
        self.people += [Person(self, "reader at " + s.name, s, fresh=True)
                        for s in self.servers]
        self.fence(*self.servers)
        self.note("fence", line=self.fence(self.servers[0])[0])

    def whole(self):
        """Whether a newcomer hears all lines there are: v11 keeps 1024 of them,
        and half of its ring."""
        lines = {line for p in self.people for line in p.heard}
        size = sum(100 + int((re.search(r"\*(\d+)", s) or [0, "0"])[1])
                   for s in lines)
        return self.kafka and len(lines) < 1000 and size < 450000

    def run(self):
        plan = self.plan()
        self.note("begin", stage=self.stage, seed=self.seed, plan=plan)
        try:
            self.start()
            self.strike(plan)
            self.read_once_more()
        except Stuck as what:
            self.note("stuck", **{"for": str(what)})
            return 1
        finally:
            for process in self.processes:
                process.end()
            subprocess.call(["rm", "-rf", self.folder])
        self.note("end", whole=self.whole())
        return 0


def main():
    if len(sys.argv) != 6 or sys.argv[1] not in FAULTS:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # What hangs within a turn, no turn can end.
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(int(3 * DEADLINE))
    with open(sys.argv[5], "w") as history:
        return Play(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]),
                    history).run()


if __name__ == "__main__":
    sys.exit(main())
