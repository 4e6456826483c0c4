"""A trace as one SVG, a lane a person and a lane a thread.

What is drawn was measured: each wait, each hold of a lock and each link of the
chain carries what it shows in data- attributes, in nanoseconds since data-zero
of the root, and with the number of the note that it comes from. What is too
short to be seen is drawn together, and carries how many there are.
"""

import textwrap
from xml.sax.saxutils import escape as escape_text

from axis import Axis
from reading import LOCKS, SENDS, WAITS
from telling import (bare, call_name, ends_at_person, facts, length_of, ms,
                     orders, sayings)

WIDTH, LEFT, RIGHT = 800, 140, 788
FULL_LANES = 12      # as many threads have a name beside their lane
THREADS_MAX = 90
PERSON, LANE, THIN = 36, 28, 6
ARROWS_MAX = 60

COLORS = {"alice": "#0b7285", "bob": "#a05a00", "carol": "#862e9c",
          "dave": "#2b6a30", "console": "#343a40"}

STYLE = """
text { font: 11px system-ui, -apple-system, "Segoe UI", sans-serif;
  fill: #212529 }
.title { font-size: 15px; font-weight: 600 }
.fact { font-size: 12.5px }
.name { font-weight: 600 }
.small, .tick { font-size: 9.5px; fill: #5c636a }
.words { font-size: 10px }
.grid { stroke: #e9ecef } .axis { stroke: #adb5bd }
.work { fill: #4263eb } .gone { fill: #f1f3f5 }
.world { fill: #dbe4ff } .forlock { fill: url(#stripes) }
.sending { fill: #ffc9c9 } .forcond { fill: #e5dbff }
.lock { fill: #f08c00 } .lock2 { fill: #2f9e44 }
.deaf { fill: url(#hatch) } .unread { fill: #fff3bf; stroke: #e0b000;
  stroke-width: .6 }
.say, .hear { fill: none; stroke-width: 1.2 } .hear { stroke-dasharray: 3 2 }
.chain line { stroke: #c92a2a; stroke-width: 1.8 }
.chain circle { fill: #c92a2a } .chain text { fill: #fff; font-size: 10px;
  font-weight: 700; text-anchor: middle }
.death { stroke: #c92a2a; stroke-width: 1.5; stroke-dasharray: 5 3 }
.red { fill: #c92a2a }
"""

DEFS = """<defs>
<pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse"
 patternTransform="rotate(45)"><rect width="6" height="6" fill="#fff4e6"/>
<rect width="2.4" height="6" fill="#ffc078"/></pattern>
<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse"
 patternTransform="rotate(-45)"><rect width="5" height="5" fill="#f8f0fc"/>
<rect width="1.2" height="5" fill="#b197c4"/></pattern>
</defs>"""


def escape(text):
    """Data, whatever it is: no markup, and nothing that XML cannot hold."""
    plain = "".join(c if c.isprintable() else "?" for c in str(text))
    return escape_text(plain, {'"': "&quot;", "'": "&#39;"})


def data(**facts_of):
    return "".join(' data-%s="%s"' % (k.rstrip("_").replace("_", "-"),
                                      escape(v))
                   for k, v in facts_of.items() if v is not None)


def number(x):
    return ("%.1f" % x).rstrip("0").rstrip(".")


def rect(cls, x, y, w, h, more="", inside=""):
    return '<rect class="%s" x="%s" y="%s" width="%s" height="%s"%s%s' % (
        cls, number(x), number(y), number(max(w, .5)), number(h), more,
        ">%s</rect>" % inside if inside else "/>")


def label(cls, x, y, text, more=""):
    return '<text class="%s" x="%s" y="%s"%s>%s</text>' % (
        cls, number(x), number(y), more, escape(text))


class Drawing:
    def __init__(self, trace, zero, window):
        self.trace, self.zero = trace, zero
        self.begin, self.end = window
        self.facts = facts(trace, numbered=True)
        told = any(k in ("chain", "delay") for k, _, _ in self.facts)
        self.axis = Axis(self.moments(), window, LEFT, RIGHT,
                         .62 if told else .15)
        self.out, self.y = [], {}
        self.choose_people()
        self.choose_threads()

    def moments(self):
        found = [self.begin, self.end]
        for c in self.trace.calls:
            found.append(c.begin)
            if c.end is not None:
                found.append(c.end)
        found += [d.time for d in self.trace.deeds]
        return sorted(t for t in found if self.begin <= t <= self.end)

    def x(self, time):
        return self.axis.x(time)

    def add(self, *parts):
        self.out.extend(parts)

    def choose_people(self):
        every = [p for p in self.trace.people.values() if p.talks]
        self.cast = [p for p in every if not p.name.startswith("crowd")]
        self.crowd = [p for p in every if p.name.startswith("crowd")]
        self.console = [d for d in self.trace.deeds
                        if d.who == "server" and d.what == "order"
                        and d.words[0] == "types" and self.shown(d.time)]

    def shown(self, time):
        return self.begin <= time <= self.end

    def choose_threads(self):
        tids = sorted(self.trace.by_thread,
                      key=lambda t: (self.rank(t), self.trace.life_of(t)[0]))
        tids = [t for t in tids if self.trace.life_of(t)[1] > self.begin]
        self.left_out = max(0, len(tids) - THREADS_MAX)
        self.threads = tids[:THREADS_MAX]
        self.thin = set(t for t in self.threads
                        if len(self.threads) > FULL_LANES
                        and self.rank(t) == 5)

    def rank(self, tid):
        """main, accept, the people's in the order of their lanes, others."""
        name = self.trace.names[tid]
        if tid == self.trace.pid:
            return 0
        if name.startswith("accept"):
            return 1
        if name == "postman":
            return 3
        person = self.trace.ports.get(self.trace.port_of.get(tid), "crowd")
        return 5 if person.startswith("crowd") else 2

    # --- the head ---

    def head(self, heading):
        """Title, what is to be seen, and the legend; returns where it ends."""
        self.add(label("title", 16, 26, heading))
        y = 46
        for kind, text, _ in self.facts[:2]:
            lines = textwrap.wrap(text[0].upper() + text[1:] + ".", 125)
            for line in lines[:3]:
                self.add(label("fact red" if kind in ("death",) else "fact",
                               16, y, line))
                y += 16
            y += 2
        return self.legend(y + 2)

    def legend(self, y):
        items = [("work", "runs, or wants to"), ("world", "waits for somebody")]
        used = {self.sort_of(c) for c in self.trace.calls
                if c.name in WAITS and self.wide(c)}
        if "forlock" in used:
            items.append(("forlock", "waits for a lock"))
        if self.trace.locks:
            items.append(("lock", "holds the lock"))
        if "sending" in used:
            items.append(("sending", "in send()"))
        if "forcond" in used:
            items.append(("forcond", "waits for a condition"))
        if any(p.deaf for p in self.cast):
            items.append(("deaf", "does not read"))
        if any(self.wide_span(said, read or self.end) > 3
               for p, said, read, _, _ in self.trace.unread()
               if p in self.cast):
            items.append(("unread", "said, not read yet"))
        x = 16
        for cls, text in items:
            if x + 23 + 5.1 * len(text) > RIGHT:
                x, y = 16, y + 17
            thin = cls == "lock"
            self.add(rect(cls, x, y + (5 if thin else 0), 18,
                          5 if thin else 10),
                     label("small", x + 23, y + 9, text))
            x += 34 + 5.1 * len(text)
        return y + 20

    def wide(self, call, least=.7):
        begin, end = max(call.begin, self.begin), min(
            self.trace.end_of(call), self.end)
        return end > begin and self.x(end) - self.x(begin) >= least

    # --- the lanes ---

    def place(self, y):
        """Gives each lane its place; returns where the lanes end."""
        self.top = y + 16
        y = self.top
        for p in self.cast:
            self.y["person", p.name] = y
            y += PERSON
        if self.crowd:
            self.y["person", "the crowd"] = y
            y += PERSON
        if self.console:
            self.y["person", "the console"] = y
            y += PERSON
        self.middle = y
        y += 10
        for tid in self.threads:
            self.y["thread", tid] = y
            y += THIN if tid in self.thin else LANE
        self.bottom = y + 4
        return self.bottom + 30

    def height(self, tid):
        return THIN - 1 if tid in self.thin else 17

    def mid(self, who):
        if who[0] == "person":
            name = who[1] if who in self.y else "the crowd"
            y = self.y.get(("person", name))
            return None if y is None else y + 25
        return self.y[who] + self.height(who[1]) / 2 if who in self.y else None

    def axis_lines(self):
        for time, x in self.axis.ticks(self.zero):
            self.add('<line class="grid" x1="%s" x2="%s" y1="%s" y2="%s"/>' % (
                number(x), number(x), self.top - 2, self.bottom))
            self.add(label("tick", x, self.bottom + 13, "%s" % number(time),
                           ' text-anchor="middle"'))
        self.add(label("tick", LEFT - 8, self.bottom + 13, "ms",
                       ' text-anchor="end"'))
        free = 0
        for begin, end in self.axis.breaks:
            x = (self.x(begin) + self.x(end)) / 2
            self.add('<path class="axis" fill="none" d="M%s %s l-3 10 m5 -10 '
                     'l-3 10"/>' % (number(x + 1), self.bottom - 3))
            x = min(x, RIGHT - 55)
            if x > free:
                self.add(label("tick", x, self.bottom + 24, "%s, drawn shorter"
                               % ms(end - begin), ' text-anchor="middle"'))
                free = x + 120

    def person_lane(self, p):
        y = self.y["person", p.name]
        color = COLORS.get(p.name, "#495057")
        self.add(label("name", 16, y + 29, p.name,
                       ' style="fill:%s"' % color))
        for i, (came, port) in enumerate(p.talks):
            ends = [t for t, _ in p.ends if t >= came]
            went = min(ends, default=self.end)
            self.bar("gone", came, went, y + 21, 9)
        for a, b in p.deaf:
            self.bar("deaf", a, min(b, self.gone(p, a)), y + 21, 9,
                     data(deaf=p.name, begin=a - self.zero, end=b - self.zero))
        self.unread_bars(p, y)
        for t, how in p.ends:
            if how == "resets" and self.shown(t):
                self.add(label("name red", self.x(t) - 4, y + 30, "\u2715"))

    def gone(self, p, time):
        return min((t for t, _ in p.ends if t >= time), default=self.end)

    def unread_bars(self, p, y):
        """While her words wait to be read, if one can see it; what is close
        together is one."""
        run = None
        for who, said, read, _, port in self.trace.unread():
            if who is not p or self.trace.is_deaf(p.name, said):
                continue
            end = read if read is not None else self.trace.gone_after(p, said)
            if self.wide_span(said, end) < 3:
                continue
            if run and self.wide_span(run[1], said) > 2:
                self.unread_bar(p, run, y)
                run = None
            run = [run[0] if run else said, max(run[1], end) if run else end,
                   (run[2] if run else 0) + 1, port]
        if run:
            self.unread_bar(p, run, y)

    def unread_bar(self, p, run, y):
        begin, end, many, port = run
        self.bar("unread", begin, end, y + 21, 9,
                 data(unread=p.name, port=port, many=many,
                      begin=begin - self.zero, end=end - self.zero),
                 "<title>words that no thread has read yet: %s</title>"
                 % ms(end - begin))

    def wide_span(self, begin, end):
        """How far apart they are in the picture."""
        begin, end = (min(max(t, self.begin), self.end) for t in (begin, end))
        return self.x(end) - self.x(begin)

    def bar(self, cls, begin, end, y, h, more="", inside=""):
        begin, end = max(begin, self.begin), min(end, self.end)
        if end > begin:
            self.add(rect(cls, self.x(begin), y, self.x(end) - self.x(begin),
                          h, more, inside))

    def crowd_lane(self):
        y = self.y["person", "the crowd"]
        self.add(label("name", 16, y + 29, "the crowd"),
                 label("small", 78, y + 29, "(%d)" % len(self.crowd)))
        self.bar("gone", min(p.talks[0][0] for p in self.crowd), self.end,
                 y + 21, 9)
        columns = set()
        for p in self.crowd:
            columns |= {int(self.x(s[0])) for s in p.said if self.shown(s[0])}
        for x in sorted(columns):
            self.add('<line x1="%d" x2="%d" y1="%d" y2="%d" '
                     'stroke="#0b7285"/>' % (x, x, y + 21, y + 30))

    def console_lane(self):
        y = self.y["person", "the console"]
        self.add(label("name", 16, y + 29, "the console"))
        for d in self.console:
            x = self.x(d.time)
            text = bare(d.words[1].replace("\\\\", "\\"))
            self.add('<circle cx="%s" cy="%s" r="3" fill="#343a40"/>' % (
                number(x), y + 25), self.near(x, y + 16, "\u201c%s\u201d"
                                              % text, "#343a40"))

    def near(self, x, y, text, color):
        """Words beside x, on the side where there is room."""
        return self.beside("words", x, y, text, ' style="fill:%s"' % color)

    @staticmethod
    def beside(cls, x, y, text, more=""):
        right = x > RIGHT - 6 * len(text)
        return label(cls, x, y, text, more + (
            ' text-anchor="end"' if right else ""))

    # --- threads ---

    def thread_lane(self, tid):
        trace, y, h = self.trace, self.y["thread", tid], self.height(tid)
        if tid not in self.thin:
            self.add(label("name", 16, y + 10, trace.names[tid]))
            port = trace.port_of.get(tid)
            if port and port in trace.ports:
                self.add(label("small", 16, y + 20, "127.0.0.1:%d" % port))
        begin, end = trace.life_of(tid)
        self.bar("work", begin, end, y, h, data(life=tid))
        small, self.brief = {}, {}
        for c in trace.by_thread[tid]:
            if c.name not in WAITS:
                continue
            if self.wide(c):
                self.wait(c, y, h)
            else:
                self.count(small, c)
        self.merged(small, y, h)
        self.put_narrow("notes", y, h)
        self.holds(tid, y, h)
        part = h if tid in self.thin else 6
        self.put_narrow("holds", y + h - part, part)

    def narrow(self, cls, begin, end, what):
        """What is narrow is one path a lane, of many boxes."""
        x = self.x(max(begin, self.begin))
        w = max(.5, self.x(min(end, self.end)) - x)
        self.brief.setdefault(cls, []).append((x, w, what))

    def put_narrow(self, name, y, h):
        for cls, boxes in self.brief.items():
            self.add('<path class="%s"%s d="%s"/>' % (
                cls, data(**{name: " ".join(str(b[2]) for b in boxes)}),
                "".join("M%s %sh%sv%dh-%sz" % (
                    number(x), number(y), number(w), h, number(w))
                    for x, w, _ in boxes)))
        self.brief = {}

    @staticmethod
    def sort_of(call):
        if call.name in LOCKS:
            return "forlock"
        if call.name == "cond_wait":
            return "forcond"
        return "sending" if call.name in SENDS else "world"

    def wait(self, call, y, h):
        trace, end = self.trace, self.trace.end_of(call)
        if not self.wide(call, 3):
            self.narrow(self.sort_of(call), call.begin, end, call.index)
            return
        middle = call.begin + (end - call.begin) // 2
        step = trace.wait_of(call, middle)
        of = "%s:%s" % step.of if step.of else None
        title = "%s, %s%s" % (call_name(call), ms(end - call.begin),
                              "" if call.end else ", and never returns")
        self.bar(self.sort_of(call), call.begin, end, y, h,
                 data(note=call.index, tid=call.tid, call=call.name,
                      begin=call.begin - self.zero, end=end - self.zero,
                      for_=step.sort, of=of),
                 "<title>%s</title>" % escape(title))

    def count(self, small, call):
        """Adds a wait too short to be seen to the columns that it is in."""
        begin = max(call.begin, self.begin)
        end = min(self.trace.end_of(call), self.end)
        if end > begin:
            entry = small.setdefault(int(self.x(begin)), [0, 0])
            entry[0] += self.x(end) - self.x(begin)
            entry[1] += 1

    def merged(self, small, y, h):
        run = None
        for x in sorted(small) + [None]:
            if run and (x is None or x != run[1] or small[x][0] < .5):
                self.add(rect("world", run[0], y, run[1] - run[0], h,
                              data(waits=run[2])))
                run = None
            if x is not None and small[x][0] >= .5:
                run = [run[0] if run else x, x + 1,
                       (run[2] if run else 0) + small[x][1]]

    def holds(self, tid, y, h):
        """The lock, below in the lane: what is close together is one."""
        for i, thing in enumerate(self.trace.locks):
            run = None
            for begin, end, who in self.trace.held[thing] + [(None,) * 3]:
                if begin is not None and (who != tid or end < self.begin
                                          or begin > self.end):
                    continue
                if run and (begin is None or self.x(max(begin, self.begin))
                            - self.x(min(run[1], self.end)) > 1):
                    self.hold(run, i, tid, y, h)
                    run = None
                if begin is not None:
                    run = [run[0] if run else begin, end,
                           (run[2] if run else 0) + 1]

    def hold(self, run, i, tid, y, h):
        begin, end, many = run
        part = h if tid in self.thin else 6
        cls = "lock" if i == 0 else "lock2"
        if self.wide_span(begin, end) < 3:
            self.narrow(cls, begin, end, many)
            return
        self.bar(cls, begin, end, y + h - part, part,
                 data(holder=tid, lock="%x" % self.trace.locks[i], holds=many,
                      begin=begin - self.zero, end=end - self.zero))

    def thin_label(self):
        lanes = [t for t in self.threads if t in self.thin]
        if lanes:
            y = self.y["thread", lanes[0]]
            self.add(label("name", 16, y + 12, "%d threads," % len(lanes)),
                     label("small", 16, y + 24, "one for each of the crowd"))
        if self.left_out:
            self.add(label("small", 16, self.bottom + 24, "%d threads more "
                           "are not drawn" % self.left_out))

    # --- what goes from lane to lane ---

    def arrow(self, cls, color, a, b, more):
        (x1, y1), (x2, y2) = a, b
        bend = (y1 + y2) / 2
        self.add('<path class="%s" stroke="%s" d="M%s %s C%s %s %s %s %s %s"'
                 '%s/>' % (cls, color, number(x1), number(y1), number(x1),
                           number(bend), number(x2), number(bend), number(x2),
                           number(y2), more))
        way = 4 if y2 > y1 else -4
        self.add('<path fill="%s" d="M%s %s l-3 %s h6 z"/>' % (
            color, number(x2), number(y2), -way * 1.4))

    def words(self):
        """Who says what, and an arrow to each who hears it."""
        many, free = 0, {}
        for who, spoken, text, heard in sayings(self.trace):
            if not self.shown(spoken[0]) or who not in COLORS:
                continue
            color, y = COLORS[who], self.y["person", who]
            x = self.x(spoken[0])
            self.add('<circle cx="%s" cy="%s" r="3" fill="%s"/>' % (
                number(x), number(y + 25), color))
            shown = text if len(text) <= 30 else text[:27] + "..."
            if x >= free.get(who, 0):
                self.add(self.near(x, y + 16, "\u201c%s\u201d" % shown, color))
                free[who] = x + 6 * len(shown) + 14
            many += self.arrows(who, spoken, heard, color)
            if many > ARROWS_MAX:
                break

    def arrows(self, who, spoken, heard, color):
        trace, many = self.trace, 0
        call = trace.reader_of(spoken[4], spoken[1])
        if call and ("thread", call.tid) in self.y:
            end = trace.end_of(call)
            self.arrow("say", color, (self.x(spoken[0]), self.mid(
                ("person", who))), (self.x(end), self.y["thread", call.tid]),
                data(say=who, at=spoken[0] - self.zero, note=call.index,
                     end=end - self.zero))
            many += 1
        for listener, piece in heard:
            call = trace.sender_of(piece[4], piece[2] - 1)
            if call is None or call.begin > piece[0] or listener not in COLORS \
                    or ("thread", call.tid) not in self.y:
                continue
            self.arrow("hear", color, (self.x(call.begin),
                                       self.y["thread", call.tid]),
                       (self.x(piece[0]), self.y["person", listener] + 30),
                       data(hear=listener, from_=who, note=call.index,
                            at=call.begin - self.zero,
                            end=piece[0] - self.zero))
            many += 1
        return many

    def story_marks(self):
        """Comings and floods, as the people's lanes name them."""
        names = {"floods": "floods", "joins": "joins", "knocks": "knocks",
                 "leaves": "leaves", "crashes": "crashes",
                 "stops-reading": "stops reading", "reads-on": "reads on",
                 "is-unserved": "knocks"}
        free = {}
        for d, over, _ in orders(self.trace):
            key = ("person", d.who)
            text = names.get(d.words[0])
            if text is None or key not in self.y or not self.shown(d.time):
                continue
            x, y = self.x(d.time), self.y[key]
            if d.words[0] == "floods":
                self.bar("work", d.time, over, y + 24, 3)
                text = "floods"
                x = (x + self.x(min(over, self.end))) / 2
            if x >= free.get(d.who, 0) and self.words_clear(d.who, x, text):
                self.add(self.beside("small", x, y + 16, text))
                free[d.who] = x + 5 * len(text) + 8

    def words_clear(self, who, x, text):
        """Would it stand in what she says?"""
        for other, spoken, words, _ in sayings(self.trace):
            at = self.x(spoken[0])
            if other == who and at < x + 5 * len(text) and \
                    x < at + 6 * min(30, len(words)) + 12:
                return False
        return True

    # --- the chain, and the end ---

    def chain(self):
        for kind, _, what in self.facts:
            if kind == "chain":
                self.links(what[1], what[2], what[0], 1)
            elif kind == "delay":
                first = 1
                for step in what[1]:
                    self.links([step], what[0], None, first)
                    first += length_of([step])

    def links(self, steps, time, lasted, first):
        points = [(s, s.who) for s in steps]
        last = steps[-1]
        if ends_at_person(last):
            points.append((None, last.of))
        x = min(max(self.x(time), LEFT + 20), RIGHT - 16 * len(points) - 12)
        x -= 24 * (first > 1)
        self.add('<g class="chain"%s>' % data(
            time=time - self.zero, lasted=lasted))
        spots = []
        for i, (step, who) in enumerate(points):
            y = self.mid(who)
            if y is None:
                break
            spots.append((x + 16 * i, y, step, who))
        for (x1, y1, step, who), (x2, y2, _, _) in zip(spots, spots[1:]):
            self.add('<line x1="%s" y1="%s" x2="%s" y2="%s"/>' % (
                number(x1), number(y1), number(x2), number(y2)))
        for i, (x1, y1, step, who) in enumerate(spots):
            self.add('<g%s><circle cx="%s" cy="%s" r="7"/><text x="%s" y="%s">'
                     '%d</text></g>' % (self.link_data(step, who), number(x1),
                                        number(y1), number(x1),
                                        number(y1 + 3.5), first + i))
        self.add("</g>")

    def link_data(self, step, who):
        if step is None:
            return data(reaches="%s:%s" % who)
        call = step.call
        return data(
            link="%s:%s" % who, for_=step.sort,
            of="%s:%s" % step.of if step.of else None,
            thing="%x" % step.thing if step.sort in ("lock", "condition")
            else step.thing,
            note=call.index if call else None,
            call=call.name if call else None,
            begin=(call.begin if call else step.since[0]) - self.zero
            if call or step.since else None,
            end=(self.trace.end_of(call) if call else step.since[1])
            - self.zero if call or step.since else None)

    def let_go(self, call):
        """The program hangs up on somebody who does not read."""
        who = ("person", self.trace.ports[call.port])
        x, y = self.x(call.begin), self.mid(who)
        if y is None or ("thread", call.tid) not in self.y:
            return
        self.arrow("say", "#c92a2a", (x, self.mid(("thread", call.tid))),
                   (x, y + 6), data(lets_go=who[1], note=call.index,
                                    at=call.begin - self.zero))
        self.add(self.beside("small red", x + 4, y - 9, "is let go"))

    def finish(self):
        for kind, text, call in self.facts:
            if kind == "letgo":
                self.let_go(call)
            if kind == "death" and call is not None:
                x = self.x(self.trace.end_of(call))
                y = self.mid(("thread", call.tid))
                self.add('<line class="death" x1="%s" x2="%s" y1="%s" '
                         'y2="%s"%s/>' % (
                             number(x), number(x), self.top, self.bottom,
                             data(death=self.trace.death, note=call.index,
                                  tid=call.tid, call=call.name)))
                if y is not None:
                    self.add(label("name red", x - 8, y + 4, "\u2715",
                                   ' text-anchor="middle"'))


def draw(trace, zero, window, heading):
    d = Drawing(trace, zero, window)
    height = d.place(d.head(heading))
    d.axis_lines()
    for p in d.cast:
        d.person_lane(p)
    if d.crowd:
        d.crowd_lane()
    if d.console:
        d.console_lane()
    for tid in d.threads:
        d.thread_lane(tid)
    d.thin_label()
    d.words()
    d.story_marks()
    d.chain()
    d.finish()
    told = ". ".join(text for _, text, _ in facts(trace)) or heading
    return "\n".join(
        ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" '
         'width="%d" height="%d" role="img"%s>' % (
             WIDTH, height, WIDTH, height, data(zero=zero)),
         "<title>%s</title><desc>%s</desc>" % (escape(heading), escape(told)),
         "<style>%s</style>" % STYLE, DEFS,
         '<rect x=".5" y=".5" width="%d" height="%d" rx="8" fill="#fff" '
         'stroke="#ced4da"/>' % (WIDTH - 1, height - 1)] + d.out
        + ["</svg>"]) + "\n"
