"""What a trace says: who there was, who waited, for whom, and for how long.

FILE.calls is what trace.c has noted, FILE.people what the peer has. The program
may have written anything into the first, so nothing in it is taken for granted.
All times are in nanoseconds, of one clock.
"""

import bisect
import struct

NOTES_AT = 4096
NOTE = struct.Struct("<QQiHHiiqiiQQ")
MOST_NOTES = 1 << 18
LISTENER, CLIENT, TO_SEND, CONSOLE = 1, 2, 4, 8

MS = 1000000
READS = {"recv", "read", "fgets", "getline", "fread"}
SENDS = {"send", "write", "fflush"}
LOCKS = {"lock", "rdlock", "wrlock"}
WAITS = READS | SENDS | LOCKS | {
    "accept", "connect", "poll", "select", "epoll_wait", "cond_wait", "join",
    "sem_wait", "sleep"}


class Call:
    """One call of one thread; end is None if it never returned."""

    __slots__ = ("index", "begin", "end", "tid", "name", "kind", "fd", "port",
                 "result", "error", "other", "object", "more")

    def __init__(self, index, fields, names):
        (self.begin, self.end, self.tid, number, self.kind, self.fd, self.port,
         self.result, self.error, self.other, self.object, self.more) = fields
        self.index = index
        self.name = names[number] if number < len(names) else "?"

    def lasted(self, trace):
        return trace.end_of(self) - self.begin


class Deed:
    """What a person, or the stage, did: a line of FILE.people."""

    __slots__ = ("time", "who", "what", "words")

    def __init__(self, line):
        time, self.who, self.what, *self.words = line.rstrip("\n").split("\t")
        self.time = int(time)


class Person:
    def __init__(self, name):
        self.name = name
        self.talks = []   # (from, port), one for each time she connected
        self.deaf = []    # (from, to) while she does not read
        self.said = []    # (time, first byte, past the last, text), a port each
        self.heard = []
        self.ends = []    # (time, how): closes, resets, sees-end


class Step:
    """A link of a chain: who waits, in which call, for what, and whose it is.

    who is ("thread", tid) or ("person", name); sort is lock, socket, words,
    person, condition, newcomer, console, thread, time or nothing.
    """

    def __init__(self, who, call, sort, of=None, thing=None, since=None):
        self.who, self.call, self.sort = who, call, sort
        self.of, self.thing, self.since = of, thing, since
        self.closes = False  # whose it is waits, too, in this chain


def read_calls(path):
    with open(path, "rb") as f:
        data = f.read(NOTES_AT + MOST_NOTES * NOTE.size)
    if len(data) < NOTES_AT or data[:8] != b"KITTRACE":
        return [], False
    names = ["?"] + data[256:NOTES_AT].split(b"\0")[0].decode(
        "ascii", "replace").split()
    room = (len(data) - NOTES_AT) // NOTE.size
    begun = struct.unpack_from("<Q", data, 8)[0]
    most = min(begun, room)
    calls = []
    for i in range(most):
        fields = NOTE.unpack_from(data, NOTES_AT + i * NOTE.size)
        if fields[0] != 0:
            calls.append(Call(i, fields, names))
    return calls, begun > room


def read_people(path):
    deeds = []
    with open(path, encoding="ascii", errors="replace") as f:
        for line in f:
            if line.count("\t") >= 2:
                deeds.append(Deed(line))
    return deeds


class Trace:
    def __init__(self, path):
        self.deeds = read_people(path + ".people")
        self.calls, self.is_cut = read_calls(path + ".calls")
        self.pid = None
        self.death = None     # how the program ended, if it did
        self.people = {}      # name: Person
        self.ports = {}       # port: name
        self.over = self.deeds[-1].time if self.deeds else 0
        self.ended = None
        self.read_deeds()
        self.ended = self.end_seen(self.calls)
        last = self.ended or self.over
        first = self.deeds[0].time if self.deeds else 0
        self.calls = [c for c in self.calls if first <= c.begin <= last
                      and (c.end == 0 or c.begin <= c.end)]
        for c in self.calls:
            c.end = None if c.end == 0 or c.end > last else c.end
        self.last = last
        self.sort_out()

    # --- what people did ---

    def end_seen(self, calls):
        """When the program ended, or None. Of one that a signal has ended the
        sockets are closed first: somebody may have seen that, and the peer
        hears of the end only when all is torn down."""
        if self.ended is None or not self.death.startswith("sig"):
            return self.ended
        last = max((c.begin for c in calls if c.begin <= self.ended),
                   default=0)
        return min([t for p in self.people.values() for t, how in p.ends
                    if how == "sees-end" and t > last] + [self.ended])

    def person(self, name):
        return self.people.setdefault(name, Person(name))

    def read_deeds(self):
        offsets = {}
        for d in self.deeds:
            if d.who in ("stage", "token", "deadline"):
                continue
            if d.who.startswith("server"):
                if d.what == "ended" and self.ended is None:
                    self.ended, self.death = d.time, d.words[0]
                continue
            if d.who not in ("crowd", "broker", "host"):
                self.read_deed(d, self.person(d.who), offsets)
        for p in self.people.values():
            p.deaf = [(a, b or self.over) for a, b in p.deaf]

    def read_deed(self, d, p, offsets):
        if d.what == "knocks":
            port = int(d.words[0].rsplit(":", 1)[1])
            p.talks.append((d.time, port))
            self.ports[port] = p.name
            offsets[p.name] = [0, 0]
        elif d.what in ("said", "heard") and p.talks:
            way = 0 if d.what == "said" else 1
            n, at = int(d.words[0]), offsets[p.name][way]
            offsets[p.name][way] += n
            (p.said if way == 0 else p.heard).append(
                (d.time, at, at + n, d.words[1], p.talks[-1][1]))
        elif d.what in ("closes", "resets", "sees-end"):
            p.ends.append((d.time, d.what))
            self.hear_again(p, d.time)
        elif d.what == "order" and d.words[0] == "stops-reading":
            p.deaf.append([d.time, None])
        elif d.what == "order" and d.words[0] == "reads-on":
            self.hear_again(p, d.time)

    @staticmethod
    def hear_again(p, time):
        if p.deaf and p.deaf[-1][1] is None:
            p.deaf[-1][1] = time

    def is_deaf(self, name, time):
        return any(a <= time < b for a, b in self.people[name].deaf) \
            if name in self.people else False

    def is_gone(self, name, time):
        """How she has gone, if she has, by that time."""
        p = self.people.get(name)
        if p is None:
            return None
        came = max((t for t, _ in p.talks if t <= time), default=0)
        for t, how in p.ends:
            if came <= t <= time and how != "sees-end":
                return how
        return None

    # --- what threads did ---

    def sort_out(self):
        self.calls.sort(key=lambda c: (c.begin, c.index))
        self.by_index = {c.index: c for c in self.calls}
        self.lives = {}      # tid: the note that lasts as long as the thread
        self.by_thread = {}  # tid: its calls
        for c in self.calls:
            if c.name == "thread":
                self.lives.setdefault(c.tid, c)
                self.pid = c.tid if self.pid is None else self.pid
                self.by_thread.setdefault(c.tid, [])
            elif c.name != "?":
                self.by_thread.setdefault(c.tid, []).append(c)
        self.begins = {tid: [c.begin for c in calls]
                       for tid, calls in self.by_thread.items()}
        self.find_holders()
        self.find_names()
        self.find_streams()

    def end_of(self, call):
        if call.end is not None:
            return call.end
        life = self.lives.get(call.tid)
        if life is not None and life is not call and life.end is not None:
            return max(call.begin, life.end)
        return self.last

    def life_of(self, tid):
        life = self.lives.get(tid)
        calls = self.by_thread.get(tid) or [life]
        begin = life.begin if life else calls[0].begin
        return begin, self.end_of(life) if life else self.last

    def call_at(self, tid, time):
        """What the thread was in then; None: it ran, or there was none."""
        i = bisect.bisect_right(self.begins.get(tid, []), time)
        for c in reversed(self.by_thread.get(tid, [])[max(0, i - 3):i]):
            if c.begin <= time < self.end_of(c) or (
                    c.end is None and time >= c.begin
                    and time <= self.end_of(c)):
                return c
        return None

    def find_holders(self):
        """self.held: object: [(from, to, tid)], in order of time."""
        self.held = {}
        open_at = {}  # (object, tid): since when
        moves = []
        for c in self.calls:
            if (c.name in LOCKS or c.name == "trylock") and c.result == 0 \
                    and c.end is not None:
                moves.append((c.end, 1, c.object, c.tid))
            elif c.name == "unlock":
                moves.append((c.begin, 0, c.object, c.tid))
            elif c.name == "cond_wait" and c.more:
                moves.append((c.begin, 0, c.more, c.tid))
                if c.end is not None:
                    moves.append((c.end, 1, c.more, c.tid))
        moves.sort(key=lambda m: m[0])
        for time, takes, thing, tid in moves:
            if takes:
                open_at[thing, tid] = time
            elif (thing, tid) in open_at:
                self.held.setdefault(thing, []).append(
                    (open_at.pop((thing, tid)), time, tid))
        for (thing, tid), since in open_at.items():
            self.held.setdefault(thing, []).append((since, self.last, tid))
        for spans in self.held.values():
            spans.sort()
        self.locks = sorted(self.held, key=lambda o: -len(self.held[o]))
        self.conditions = []
        for c in self.calls:
            if c.name == "cond_wait" and c.object not in self.conditions:
                self.conditions.append(c.object)

    def holder_at(self, thing, time):
        spans = self.held.get(thing, [])
        i = bisect.bisect_right(spans, (time, float("inf"), 0))
        for a, b, tid in reversed(spans[max(0, i - 4):i]):
            if a <= time < b or (b == self.last and a <= time <= b):
                return tid
        return None

    def holders_during(self, call):
        """How many others hold the lock in turn while this one waits for it."""
        if call.name not in LOCKS:
            return 0
        spans, end = self.held.get(call.object, []), self.end_of(call)
        i = max(0, bisect.bisect_right(spans, (call.begin, 0, 0)) - 1)
        seen = set()
        while i < len(spans) and spans[i][0] < end:
            if spans[i][1] > call.begin and spans[i][2] != call.tid:
                seen.add(spans[i][2])
            i += 1
        return len(seen)

    def find_names(self):
        self.names, self.port_of = {}, {}
        self.makers = {c.other: c for c in self.calls if c.name == "create"}
        for tid, calls in self.by_thread.items():
            ports = []
            for c in calls:
                if c.name in READS and c.port and c.port not in ports:
                    ports.append(c.port)
            self.names[tid] = self.name_thread(tid, calls, ports)
            if self.names[tid].endswith("'s thread"):
                self.port_of[tid] = ports[0] if ports else self.born_for(tid)
        self.tell_apart()

    def name_thread(self, tid, calls, ports):
        if tid == self.pid:
            return "main"
        if any(c.name == "accept" for c in calls):
            return "accept"
        if len(ports) == 1:
            return "%s's thread" % self.ports.get(ports[0], ports[0])
        if ports:
            return "worker"
        born = self.born_for(tid)
        if born:
            return "%s's thread" % self.ports.get(born, born)
        if any(c.name in SENDS and c.port for c in calls) and born == 0:
            return "postman"
        if any(c.name == "poll" and c.kind & LISTENER for c in calls):
            return "accept"
        return "a thread"

    def born_for(self, tid):
        """The port whose connection its creator had accepted just before, for
        a thread that has read from nobody; 0: its creator accepts nobody;
        None: nobody knows."""
        made = self.makers.get(tid)
        if made is None:
            return None
        before = [c for c in self.by_thread.get(made.tid, [])
                  if c.name == "accept" and c.begin < made.begin
                  and c.end is not None and c.result >= 0]
        return before[-1].port or None if before else 0

    def tell_apart(self):
        seen = {}
        for tid in sorted(self.names, key=lambda t: self.life_of(t)[0]):
            name = self.names[tid]
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                self.names[tid] = "%s %d" % (name, seen[name])

    def lock_name(self, thing):
        if len(self.locks) <= 1:
            return "the lock"
        if thing not in self.locks:
            return "a lock"
        return "lock %d" % (self.locks.index(thing) + 1)

    def condition_name(self, thing):
        if len(self.conditions) <= 1:
            return "the condition"
        return "condition %d" % (self.conditions.index(thing) + 1) \
            if thing in self.conditions else "a condition"

    # --- bytes ---

    def find_streams(self):
        """self.read, self.sent: port: ([past the last byte], [call])."""
        self.read, self.sent = {}, {}
        for c in sorted(self.calls, key=self.end_of):
            if not c.port or c.end is None or c.result <= 0:
                continue
            into = self.read if c.name in READS else \
                self.sent if c.name in SENDS else None
            if into is not None:
                pasts, calls = into.setdefault(c.port, ([], []))
                pasts.append((pasts[-1] if pasts else 0) + c.result)
                calls.append(c)

    @staticmethod
    def call_with(stream, offset):
        """The call that took, or gave, the byte at this offset; or None."""
        pasts, calls = stream
        i = bisect.bisect_right(pasts, offset)
        return calls[i] if i < len(calls) else None

    def reader_of(self, port, first):
        return self.call_with(self.read.get(port, ([], [])), first)

    def sender_of(self, port, first):
        return self.call_with(self.sent.get(port, ([], [])), first)

    # --- chains ---

    def wait_of(self, call, time):
        """The Step of a thread that is in this call at that time."""
        who, name = ("thread", call.tid), call.name
        if name in LOCKS:
            tid = self.holder_at(call.object, time)
            return Step(who, call, "lock", ("thread", tid) if tid else None,
                        call.object)
        person = self.ports.get(call.port)
        if name in SENDS and call.port:
            return Step(who, call, "socket", ("person", person or "?"),
                        call.port)
        if name in READS and call.port:
            return Step(who, call, "person", ("person", person or "?"),
                        call.port)
        if name in READS and call.kind & CONSOLE:
            return Step(who, call, "console")
        if name == "cond_wait":
            return self.wait_for_condition(who, call)
        return Step(who, call, self.other_sort(call))

    @staticmethod
    def other_sort(call):
        if call.name == "accept":
            return "newcomer"
        if call.name == "poll":
            return "newcomer" if call.kind & LISTENER and not call.kind & \
                CLIENT else "descriptors"
        return {"join": "thread", "sleep": "time", "sem_wait": "semaphore",
                "select": "descriptors", "epoll_wait": "descriptors",
                }.get(call.name, "nothing")

    def wait_for_condition(self, who, call):
        waker = None
        if call.end is not None:
            for c in self.calls:
                if c.begin > call.end:
                    break
                if c.name in ("signal", "broadcast") and \
                        c.object == call.object and c.begin >= call.begin:
                    waker = ("thread", c.tid)
        return Step(who, call, "condition", waker, call.object)

    def chain_from(self, tid, time):
        """The steps from a thread on: who waits for whom, at that time."""
        steps, seen = [], set()
        while tid is not None:
            if tid in seen:
                steps[-1].closes = True
                break
            seen.add(tid)
            call = self.call_at(tid, time)
            if call is None or call.name not in WAITS:
                ended = self.life_of(tid)[1] <= time < self.last
                steps.append(Step(("thread", tid), None,
                                  "ended" if ended else "nothing"))
                break
            step = self.wait_of(call, time)
            steps.append(step)
            tid = step.of[1] if step.of and step.of[0] == "thread" and \
                step.sort == "lock" else None
        return steps

    def unread(self):
        """(person, said at, read at or None, text, port): words that waited."""
        for p in self.people.values():
            for time, first, past, text, port in p.said:
                call = self.reader_of(port, first)
                yield p, time, self.end_of(call) if call else None, text, port

    def thread_for(self, port, time):
        """Who is to read that connection: its thread, or who accepts."""
        for tid, calls in self.by_thread.items():
            for c in calls:
                if c.name in READS and c.port == port and c.begin <= time:
                    return tid
        for tid, calls in self.by_thread.items():
            if any(c.name == "accept" for c in calls):
                return tid
        return None

    def chains(self):
        """All that is worth telling, the most telling first."""
        found = []
        for c in self.calls:
            if (c.name in LOCKS or c.name == "cond_wait") and \
                    c.lasted(self) >= MS:
                found.append(self.best_chain(c))
        for p, said, read, text, port in self.unread():
            until = read if read is not None else self.gone_after(p, said)
            if until - said < 5 * MS or self.is_deaf(p.name, said):
                continue
            middle = said + (until - said) // 2
            tid = self.thread_for(port, middle)
            if tid is None:
                continue
            rest = self.chain_from(tid, middle)
            if rest[0].sort in ("nothing", "ended") or rest[0].of == (
                    "person", p.name):
                continue  # it has only not come to it yet
            step = Step(("person", p.name), None, "words", ("thread", tid),
                        port, since=(said, until))
            found.append((until - said, [step] + rest, middle))
        return sorted((f for f in found if len(f[1]) > 1 or f[1][0].closes),
                      key=lambda f: -weight(*f[:2]))

    def best_chain(self, call):
        """A long wait has several reasons, one after another: that which tells
        most, of those at a few moments."""
        lasted = call.lasted(self)
        found = []
        for part in (8, 4, 2) if lasted >= 20 * MS else (2,):
            time = call.begin + lasted // part
            steps = self.chain_from(call.tid, time)
            last = steps[-1]
            deaf = last.sort == "socket" and self.is_deaf(last.of[1], time)
            found.append((deaf, weight(lasted, steps), -part, steps, time))
        _, _, _, steps, time = max(found, key=lambda f: f[:3])
        return lasted, steps, time

    def gone_after(self, p, time):
        return min((t for t, how in p.ends if t > time), default=self.last)


def weight(lasted, steps):
    """How much a chain tells: one that ends at a reader tells most."""
    last = steps[-1]
    telling = {"socket": 4, "person": 3, "ended": 4}.get(
        last.sort, 4 if last.closes else 1)
    floods = steps[0].sort == "words" and len(steps) == 2
    return lasted * telling * (0.2 if floods else 1)
