#!/usr/bin/env python3
"""trace_facts: does a picture of make trace show what was measured?

    trace_facts.py BASE

Reads BASE.calls and BASE.people, which hold what was noted, and BASE.svg and
BASE.json, which were made of it. It shares no code with what made them. It says
how many facts hold, and each that does not; exit status 1 if one does not, or if
there is none to check.
"""

import json
import re
import struct
import sys
import xml.etree.ElementTree as Tree

SVG = "{http://www.w3.org/2000/svg}"
READS = ("recv", "read", "fgets", "getline", "fread")
SENDS = ("send", "write", "fflush")
LOCKS = ("lock", "rdlock", "wrlock")


class Note:
    def __init__(self, fields, names):
        (self.begin, self.end, self.tid, call, _, self.fd, self.port,
         self.result, _, self.other, self.object, self.more) = fields
        self.call = names[call]


def read_notes(path):
    with open(path, "rb") as f:
        data = f.read()
    names = ["?"] + data[256:4096].split(b"\0")[0].decode().split()
    notes = {}
    for i in range(struct.unpack_from("<Q", data, 8)[0]):
        at = 4096 + 64 * i
        if at + 64 > len(data):
            break
        fields = struct.unpack_from("<QQiHHiiqiiQQ", data, at)
        if fields[0]:
            notes[i] = Note(fields, names)
    return notes


class Facts:
    def __init__(self, base):
        self.notes = read_notes(base + ".calls")
        with open(base + ".people", encoding="ascii") as f:
            self.deeds = [line.rstrip("\n").split("\t") for line in f]
        self.root = Tree.parse(base + ".svg").getroot()
        self.zero = int(self.root.get("data-zero"))
        self.held, self.wrong = 0, []
        self.ports = {}
        for _, who, what, *words in self.deeds:
            if what == "knocks":
                self.ports[int(words[0].rsplit(":", 1)[1])] = who

    def check(self, holds, what, *of):
        if holds:
            self.held += 1
        else:
            self.wrong.append(what % of)

    # --- who held a lock, by the notes alone ---

    def holder(self, lock, time):
        """Whoever took it last before that time, and had not given it back."""
        taken = []
        for n in self.notes.values():
            took = n.end if n.end and n.result == 0 and n.call in LOCKS + (
                "trylock",) and n.object == lock else \
                n.end if n.call == "cond_wait" and n.more == lock and n.end \
                else 0
            if took and took <= time:
                taken.append((took, n.tid))
        if not taken:
            return None
        took, tid = max(taken)
        for n in self.notes.values():
            if n.tid == tid and took <= n.begin <= time and (
                    n.call == "unlock" and n.object == lock
                    or n.call == "cond_wait" and n.more == lock):
                return None
        return tid

    def moments(self, tid, lock, takes):
        found = set()
        for n in self.notes.values():
            if n.tid != tid:
                continue
            if n.call == "cond_wait" and n.more == lock:
                found.add(n.end if takes else n.begin)
            elif takes and n.object == lock and n.call in LOCKS + ("trylock",):
                found.add(n.end)
            elif not takes and n.object == lock and n.call == "unlock":
                found.add(n.begin)
        return found

    # --- one element each ---

    def number(self, e, name):
        return self.zero + int(e.get("data-" + name))

    def note_of(self, e, what):
        note = self.notes.get(int(e.get("data-note")))
        self.check(note is not None, "%s: there is no such note", what)
        return note

    def wait(self, e, call):
        """A wait, or a link that is one: which call, when, for whom?"""
        n = self.note_of(e, "a wait")
        if n is None or e.get("data-begin") is None:
            return
        begin, end = self.number(e, "begin"), self.number(e, "end")
        what = "note %s, %s()" % (e.get("data-note"), n.call)
        self.check(n.call == call, "%s: it is drawn as %s()", what, call)
        self.check(n.begin == begin, "%s: it began at another time", what)
        self.check(n.end == end or (begin <= end and not
                                    self.zero < n.end < end),
                   "%s: it ended at another time", what)
        self.reason(e, n, what, begin + (end - begin) // 2)

    def reason(self, e, n, what, time):
        sort, of = e.get("data-for"), e.get("data-of")
        if n.call in LOCKS:
            holder = self.holder(n.object, time)
            self.check(sort == "lock", "%s: it waits for a lock", what)
            self.check(of == (holder and "thread:%d" % holder), "%s: %s is "
                       "said to hold the lock, and %s does", what, of, holder)
        elif n.port and n.call in READS + SENDS:
            person = self.ports.get(n.port, "?")
            self.check(sort == ("socket" if n.call in SENDS else "person"),
                       "%s: it waits for a %s?", what, sort)
            self.check(of == "person:" + person, "%s: it waits for %s, and "
                       "not for %s", what, person, of)

    def hold(self, e):
        tid, lock = int(e.get("data-holder")), int(e.get("data-lock"), 16)
        begin, end = self.number(e, "begin"), self.number(e, "end")
        self.check(begin in self.moments(tid, lock, True),
                   "thread %d did not take the lock then", tid)
        last = max(max(n.begin, n.end) for n in self.notes.values())
        self.check(end in self.moments(tid, lock, False) or end >= last
                   or self.holder(lock, end) == tid,
                   "thread %d did not give the lock back then", tid)

    def said(self, who, what, time):
        return any(d[1] == who and d[2] == what and int(d[0]) == time
                   for d in self.deeds)

    def arrow(self, e):
        n = self.note_of(e, "an arrow")
        if n is None:
            return
        if e.get("data-say") is not None:
            who = e.get("data-say")
            self.check(self.said(who, "said", self.number(e, "at")),
                       "%s said nothing then", who)
            self.check(n.call in READS and self.ports.get(n.port) == who,
                       "what %s said was read by another call", who)
            self.check(n.end == self.number(e, "end"),
                       "what %s said was read at another time", who)
        elif e.get("data-hear") is not None:
            who = e.get("data-hear")
            self.check(self.said(who, "heard", self.number(e, "end")),
                       "%s heard nothing then", who)
            self.check(n.call in SENDS and self.ports.get(n.port) == who,
                       "what %s heard was sent by another call", who)
            self.check(n.begin == self.number(e, "at"),
                       "what %s heard was sent at another time", who)
        else:
            self.check(n.call in ("shutdown", "close") and self.ports.get(n.port)
                       == e.get("data-lets-go"), "nobody was let go then")

    def deaf(self, e):
        who, begin = e.get("data-deaf"), self.number(e, "begin")
        self.check(any(d[1] == who and d[2:4] == ["order", "stops-reading"]
                       and int(d[0]) == begin for d in self.deeds),
                   "%s did not stop reading then", who)

    def is_deaf(self, who, time):
        deaf = False
        for at, name, what, *words in self.deeds:
            if int(at) > time or name != who:
                continue
            if what in ("closes", "resets", "sees-end"):
                deaf = False
            elif what == "order":
                deaf = words[0] == "stops-reading" or deaf and \
                    words[0] != "reads-on"
        return deaf

    def unread(self, e):
        who, port = e.get("data-unread"), int(e.get("data-port"))
        end = self.number(e, "end")
        self.check(self.said(who, "said", self.number(e, "begin")),
                   "%s said nothing then", who)
        read = [n.end for n in self.notes.values()
                if n.port == port and n.call in READS]
        # Or never: until she was gone, or the program, or the story over.
        gone = [int(d[0]) for d in self.deeds if d[2] in (
            "closes", "resets", "sees-end", "ended", "over")]
        self.check(end in read or end in gone,
                   "what %s said was read at another time", who)

    def death(self, e):
        n = self.note_of(e, "the death")
        how = e.get("data-death")
        self.check(any(d[2] == "ended" and d[3] == how for d in self.deeds),
                   "the program did not end by %s", how)
        self.check(n is not None and n.end == 0 and n.call in SENDS,
                   "the call in which it died has returned")

    def chain(self, group):
        """Each waits for the next, in the same moment."""
        time, before = self.number(group, "time"), None
        for e in group:
            who = e.get("data-link") or e.get("data-reaches")
            if who is None:
                continue
            if before is not None:
                self.check(before == who, "the chain says %s, and links %s",
                           before, who)
            before = e.get("data-of")
            if e.get("data-link") and e.get("data-begin") is not None:
                self.check(self.number(e, "begin") <= time
                           <= self.number(e, "end"),
                           "%s was not waiting at that time", who)
            if e.get("data-note") is not None:
                self.link(e, who, time)

    def link(self, e, who, time):
        n = self.note_of(e, "a link")
        if n is None:
            return
        self.check(who == "thread:%d" % n.tid and n.call == e.get("data-call"),
                   "%s was in no such call", who)
        self.check(n.begin <= time and (n.end == 0 or time <= n.end),
                   "%s was not in that call then", who)
        self.reason(e, n, "the chain, %s" % who, time)

    def captions(self):
        """What is written of who does not read is so."""
        text = " ".join(t.text or "" for t in self.root.iter(SVG + "text")
                        if "fact" in (t.get("class") or ""))
        for group in self.root.iter(SVG + "g"):
            for who in [e.get("data-reaches").split(":")[1] for e in group
                        if e.get("data-reaches")]:
                told = re.search(r"\b%s, who does not read" % who, text)
                deaf = self.is_deaf(who, self.number(group, "time"))
                self.check(bool(told) == deaf, "does %s read, or not?", who)
            lasted = group.get("data-lasted")
            if lasted is not None:
                self.check("(%.0f ms)" % (int(lasted) / 1e6) in text,
                           "the caption tells another time than %s ns", lasted)

    def in_order(self):
        """Later is further to the right."""
        places = []
        for e in self.root.iter(SVG + "rect"):
            if e.get("data-begin") is not None:
                places.append((self.number(e, "begin"), float(e.get("x"))))
            elif e.get("data-note") is not None:
                note = self.notes[int(e.get("data-note"))]
                places.append((note.begin, float(e.get("x"))))
        for e in self.root.iter(SVG + "path"):
            notes = [self.notes.get(int(i)) for i in
                     (e.get("data-notes") or "").split()]
            boxes = re.findall(r"M([\d.]+) [\d.]+h", e.get("d"))
            self.check(None not in notes, "there is no such note")
            if notes:
                self.check(len(notes) == len(boxes), "%d waits are drawn as %d",
                           len(notes), len(boxes))
                places += [(n.begin, float(x)) for n, x in zip(notes, boxes)
                           if n is not None]
        places.sort()
        for (_, left), (time, right) in zip(places, places[1:]):
            self.check(right >= left - .11, "%d ns stands left of what was "
                       "before it", time - self.zero)

    def svg(self):
        for e in self.root.iter():
            if e.get("data-say") or e.get("data-hear") or e.get("data-lets-go"):
                self.arrow(e)
            elif e.get("data-death"):
                self.death(e)
            elif e.tag == SVG + "rect" and e.get("data-note") is not None:
                self.wait(e, e.get("data-call"))
            elif e.get("data-holder"):
                self.hold(e)
            elif e.get("data-deaf"):
                self.deaf(e)
            elif e.get("data-unread"):
                self.unread(e)
            elif e.get("class") == "chain":
                self.chain(e)
        self.captions()
        self.in_order()

    # --- the Chrome trace ---

    def json(self, path):
        with open(path, encoding="utf-8") as f:
            events = json.load(f)["traceEvents"]
        named = {(e["pid"], e["tid"]) for e in events
                 if e["ph"] == "M" and e["name"] == "thread_name"}
        ends = {}
        for e in events:
            self.check(e["ph"] in ("M", "X", "s", "f"), "an event of type %s",
                       e["ph"])
            if e["ph"] != "M":
                self.check(isinstance(e["ts"], (int, float)),
                           "an event without a time")
                self.check((e["pid"], e["tid"]) in named,
                           "an event of a thread without a name")
            if e["ph"] == "X":
                self.check(e["dur"] >= 0, "%s: shorter than nothing", e["name"])
            elif e["ph"] in ("s", "f"):
                ends.setdefault(e["id"], {})[e["ph"]] = e["ts"]
        for i, two in ends.items():
            self.check(len(two) == 2 and two["s"] <= two["f"],
                       "arrow %s has not two ends, in order", i)
        calls = sum(e["ph"] == "X" and e.get("cat") == "call" for e in events)
        over = min([int(d[0]) for d in self.deeds if d[2] == "ended"]
                   + [int(self.deeds[-1][0])])
        noted = sum(n.call not in ("thread", "unlock") and n.begin <= over
                    for n in self.notes.values())
        self.check(calls == noted, "%d calls are in the file, and %d were "
                   "noted", calls, noted)


def main(argv):
    if len(argv) != 2:
        sys.exit(__doc__)
    facts = Facts(argv[1])
    facts.svg()
    seen = facts.held
    facts.json(argv[1] + ".json")
    for what in facts.wrong[:20]:
        print("not so: " + what)
    print("%d facts of the picture and %d of the Chrome trace hold, %d do not"
          % (seen, facts.held - seen, len(facts.wrong)))
    if facts.wrong or seen < 5:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv)
