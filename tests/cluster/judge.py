#!/usr/bin/env python3
"""judge: reads a history that play.py has written, and says what was wrong.

    judge.py HISTORY

The last line that it prints is the sum; before it, what was found, with the
lines concerned. Exit status 0 if the servers kept what they promise, 1 if they
did not, 3 if nothing can be learnt from it: no fault struck, or the history is
not whole. 2 if it is no history.

What happened to a line:
  acknowledged    its speaker heard it
  confessed       v10: it was lost while the speaker's server was without broker,
                  as the server's log says
  refused         v11: the server told the speaker so
  indeterminate   the speaker's connection, or the history, ended first (or the
                  server said "perhaps"): she cannot know, and either is right
  lost            none of these

What is wrong, on both rungs: a lost line; a line that somebody missed between
two others, if the history does not say why; one that comes twice; two who heard
two orders; an order that goes back: a speaker's own, or the room's, as read at
the end; a line that nobody said; one line with two heads; a server that ends by itself, or
lets somebody go without a word in its log; whatever has not healed at the end. On v11 also: two
lines at one place of the room's log, one line at two places, a refused line that
was heard. A line's absence counts only if somebody heard it: so it was accepted.

On v10 a server may miss what was said while it was without broker. Then the two
lines around the gap were heard before the log said "found" and after it said
"lost". (See play.py for what a step is. The two may be in the same turn, but for
one case: what was sent before "found" may be read one turn later.)
"""
import collections
import json
import sys


class Session:
    def __init__(self, name, server, fresh):
        self.name, self.server, self.fresh = name, server, fresh
        self.speaker = name.split(".")[0]
        self.said = []     # (step, line)
        self.heard = []    # (step, line), each line the first time
        self.at = {}       # where in heard a line is
        self.twice = []
        self.refused = self.perhaps = 0
        self.gone = None   # the step, once its connection has ended
        self.joined = 0


class History:
    def __init__(self, events):
        self.sessions = {}
        self.outages = collections.defaultdict(list)  # [lost, found] of a server
        self.ends = collections.defaultdict(list)  # steps that explain a gone
        self.deaths = []
        self.heads = collections.defaultdict(set)
        self.faults, self.stuck, self.fence = [], None, None
        self.stage, self.seed, self.whole, self.ended = "", "?", False, False
        for e in events:
            getattr(self, "on_" + e["event"], lambda e: None)(e)
        self.last = max([e["step"] for e in events], default=0)

    def on_begin(self, e):
        self.stage, self.seed = e["stage"], e["seed"]

    def on_joined(self, e):
        s = Session(e["session"], e["server"], e["fresh"])
        s.joined = e["step"]
        self.sessions[e["session"]] = s

    def on_said(self, e):
        self.sessions[e["session"]].said.append((e["step"], e["line"]))

    def on_heard(self, e):
        s = self.sessions[e["session"]]
        self.heads[e["line"]].add(e["head"])
        if e["line"] in s.at:
            s.twice.append(e["line"])
        else:
            s.at[e["line"]] = len(s.heard)
            s.heard.append((e["step"], e["line"]))

    def on_refused(self, e):
        self.sessions[e["session"]].refused += 1

    def on_perhaps(self, e):
        self.sessions[e["session"]].perhaps += 1

    def on_gone(self, e):
        self.sessions[e["session"]].gone = e["step"]

    def on_lost(self, e):
        self.outages[e["server"]].append([e["step"], None])

    def on_found(self, e):
        self.over(e["server"], e["step"])

    def on_down(self, e):
        self.over(e["server"], e["step"])
        self.ends[e["server"]].append(e["step"])
        if e["was_up"] and e["status"] != -9:
            self.deaths.append(e)

    def on_slow(self, e):
        self.ends[e["server"]].append(e["step"])

    def over(self, server, step):
        if self.outages[server] and self.outages[server][-1][1] is None:
            self.outages[server][-1][1] = step

    def on_fault(self, e):
        self.faults.append(e)

    def on_stuck(self, e):
        self.stuck = e["for"]

    def on_fence(self, e):
        self.fence = e["line"]

    def on_end(self, e):
        self.ended, self.whole = True, e["whole"]

    def was_out(self, server, since, until):
        """Did the server's log confess an outage, some of it in these steps?"""
        return any(lost <= until and (found is None or found + 1 >= since)
                   for lost, found in self.outages[server])


class Judge:
    def __init__(self, history):
        self.h = history
        self.log = history.stage == "v11_log"  # nothing may be lost
        self.sessions = list(history.sessions.values())
        self.found = []  # what is wrong, in English
        self.count = collections.Counter()
        self.order = []
        self.missed = set()

    def wrong(self, text):
        """Bytes that a terminal would not show are shown as \\x00."""
        self.found.append("".join(
            c if c.isprintable() else "\\x%02x" % ord(c) for c in text))

    def judge(self):
        self.find_strangers()
        self.find_twice()
        self.find_own_orders()
        self.find_places()
        if self.find_order():
            self.find_gaps()
        self.find_fates()
        self.find_unhealed()

    # --- single lines ---

    def find_strangers(self):
        said = {line for s in self.sessions for _, line in s.said}
        for line, heads in sorted(self.h.heads.items()):
            if line not in said:
                self.wrong("somebody heard %r, and nobody said it" % line)
            if len(heads) > 1:
                self.wrong("%s was heard with two heads: %s"
                           % (line, " and ".join(sorted(heads))))

    def find_twice(self):
        for s in self.sessions:
            for line in s.twice:
                self.count["twice"] += 1
                self.wrong("%s heard %s twice, at %s" % (s.name, line, s.server))

    # --- orders ---

    def find_own_orders(self):
        """What one says in one connection stays in its order, for all."""
        for speaker in self.sessions:
            number = {line: i for i, (_, line) in enumerate(speaker.said)}
            for s in self.sessions:
                last = None
                for _, line in s.heard:
                    if line not in number:
                        continue
                    if last is not None and number[line] < number[last]:
                        self.wrong("%s said %s before %s, and %s heard them the "
                                   "other way round: an order that goes back"
                                   % (speaker.name, line, last, s.name))
                    last = line

    def find_places(self):
        """Where a line is in the room's log, as those read it who came last, one
        at each server. The fence is at 0, and the line before it at -1."""
        self.place = {}  # of a line
        at = {}          # which line is there
        if not self.log:
            return
        for s in self.sessions:
            if not s.fresh or self.h.fence not in s.at:
                continue
            for i, (_, line) in enumerate(s.heard[:s.at[self.h.fence] + 1]):
                place = i - s.at[self.h.fence]
                other = at.setdefault(place, (line, s))
                if other[0] != line:
                    self.wrong("two lines at place %d of the log: %s for %s, "
                               "and %s for %s" % (place, other[0], other[1].name,
                                                  line, s.name))
                    return  # and so with all others
                if self.place.setdefault(line, place) != place:
                    self.wrong("%s is at two places of the log: %d and %d (%s)"
                               % (line, self.place[line], place, s.name))
                    return
        for s in self.sessions:
            last = None
            for _, line in s.heard:
                if line in self.place:
                    if last is not None and self.place[line] < self.place[last]:
                        self.wrong("%s heard %s, at place %d of the log, after "
                                   "%s, at place %d: an order that goes back"
                                   % (s.name, line, self.place[line], last,
                                      self.place[last]))
                    last = line

    def find_order(self):
        """Puts all lines into one order that agrees with each transcript; or
        finds two who heard two orders."""
        after, before = (collections.defaultdict(set) for _ in "ab")
        for s in self.sessions:
            for (_, a), (_, b) in zip(s.heard, s.heard[1:]):
                after[a].add(b)
                before[b].add(a)
        self.before, self.after = before, after
        left = {line: len(before[line]) for line in self.h.heads}
        ready = sorted(line for line, n in left.items() if n == 0)
        while ready:
            line = ready.pop()
            self.order.append(line)
            for b in sorted(after[line]):
                left[b] -= 1
                if left[b] == 0:
                    ready.append(b)
        if len(self.order) == len(left):
            return True
        self.wrong(self.two_orders())
        return False

    def two_orders(self):
        for i, s in enumerate(self.sessions):
            for other in self.sessions[i + 1:]:
                both = [line for _, line in s.heard if line in other.at]
                for a, b in zip(both, both[1:]):
                    if other.at[a] > other.at[b]:
                        return ("two orders: %s (%s) heard %s before %s, and %s "
                                "(%s) heard %s before %s"
                                % (s.name, s.server, a, b,
                                   other.name, other.server, b, a))
        return "what was heard by all does not fit into one order"

    # --- who missed what ---

    def find_gaps(self):
        for s in self.sessions:
            for line, low, high in self.gaps(s):
                since, until = s.heard[low][0], s.heard[high][0]
                if not self.log and self.h.was_out(s.server, since, until):
                    self.count["missed"] += 1
                    continue
                self.missed.add(line)
                self.wrong("%s missed %s at %s, between %s and %s%s"
                           % (s.name, line, s.server, s.heard[low][1],
                              s.heard[high][1], "" if self.log else
                              "; the server's log confesses no loss there"))
        if self.log and self.h.whole:
            self.find_unread()

    def gaps(self, s):
        """The lines that s did not hear, each with the nearest that it heard
        before and after it."""
        low, high = {}, {}
        for line in self.order:
            low[line] = s.at.get(line, max(
                [low[a] for a in self.before[line]], default=-1))
        for line in reversed(self.order):
            high[line] = s.at.get(line, min(
                [high[b] for b in self.after[line]], default=len(s.heard)))
        return [(line, low[line], high[line]) for line in self.order
                if line not in s.at and low[line] >= 0
                and high[line] < len(s.heard)]

    def find_unread(self):
        """The room's log is read once more at the end, and not too long: then
        it holds all that somebody heard."""
        for s in self.sessions:
            unread = [line for line in self.order if line not in s.at]
            if s.fresh and unread and not self.missed.issuperset(unread):
                self.missed.update(unread)
                self.wrong("%s has read the room's log without %s, which was "
                           "heard by others%s" % (
                               s.name, unread[0], "" if len(unread) == 1 else
                               " (and %d lines more)" % (len(unread) - 1)))

    # --- what became of what each said ---

    def find_fates(self):
        for s in self.sessions:
            unheard = []
            for i, (step, line) in enumerate(s.said):
                self.count["lines"] += 1
                if line in s.at:
                    self.count["acknowledged"] += 1
                elif s.gone is not None or not self.is_due(s, i):
                    self.count["indeterminate"] += 1
                elif self.log:
                    unheard.append(line)
                else:
                    self.fate_without_log(s, i, step, line)
            if self.log:
                self.fates_in_log(s, unheard)
        # Those that a speaker knew to be accepted, and others did not hear.
        self.count["lost"] += len(self.missed)

    def is_due(self, s, i):
        """Whether s would have heard its line i by now: it heard one that it said
        later, or the last line of all."""
        return self.h.fence in s.at or any(b in s.at for _, b in s.said[i + 1:])

    def fate_without_log(self, s, i, step, line):
        later = [s.heard[s.at[b]][0] for _, b in s.said[i + 1:] if b in s.at]
        if self.h.was_out(s.server, step, min(later, default=self.h.last)):
            self.count["confessed"] += 1
        elif line not in self.missed:
            self.missed.add(line)
            self.wrong("%s said %s, and did not hear it; the log of %s confesses "
                       "no loss there" % (s.name, line, s.server))

    def fates_in_log(self, s, unheard):
        """The server does not say which line it refuses: so we count."""
        never = [line for _, line in s.said if line not in self.h.heads]
        self.count["refused"] += s.refused
        if s.refused > len(never):
            self.wrong("%s was told of %d lines that they were not said, but all "
                       "were heard save %d: a failed send is heard; she said %s"
                       % (s.name, s.refused, len(never),
                          ", ".join(line for _, line in s.said)))
        elif s.gone is None:
            unknown = len(unheard) - s.refused
            self.count["indeterminate"] += min(max(unknown, 0), s.perhaps)
            if unknown > s.perhaps:
                self.missed.update(unheard)
                self.wrong("%s said %s, and did not hear it; the server told her "
                           "so of %d lines" % (s.name, ", ".join(unheard),
                                               s.refused + s.perhaps))

    def find_unhealed(self):
        for s in self.sessions:
            if self.h.fence and s.gone is None and self.h.fence not in s.at:
                self.wrong("%s did not hear the last line, %s, at %s, though "
                           "everything had healed"
                           % (s.name, self.h.fence, s.server))

        for s in self.sessions:
            if s.gone is not None and not any(
                    s.joined <= end <= s.gone for end in self.h.ends[s.server]):
                self.wrong("%s was let go by %s, whose log does not say why"
                           % (s.name, s.server))
        for e in self.h.deaths:
            self.wrong("%s ended by itself, with status %s"
                       % (e["server"], e["status"]))
        if self.h.stuck:
            self.wrong("one thing never came: %s" % self.h.stuck)

    # --- the sum ---

    def sum(self):
        kinds = collections.Counter(f["kind"] for f in self.h.faults if f["struck"])
        vain = sum(not f["struck"] for f in self.h.faults)
        c = self.count
        words = ["%d lines" % c["lines"], "%d acknowledged" % c["acknowledged"]]
        words += ["%d refused" % c["refused"] if self.log else
                  "%d confessed" % c["confessed"]]
        words += ["%d indeterminate" % c["indeterminate"], "%d lost" % c["lost"],
                  "%d twice" % c["twice"]]
        faults = ["%d %s" % (n, kind) for kind, n in sorted(kinds.items())]
        return "%s; faults: %s%s; %d bytes dropped" % (
            ", ".join(words), ", ".join(faults) or "none",
            " (%d in vain)" % vain if vain else "",
            sum(f["dropped"] for f in self.h.faults))


def main():
    if len(sys.argv) != 2:
        print("usage: judge.py HISTORY", file=sys.stderr)
        return 2
    try:
        with open(sys.argv[1]) as f:
            events = [json.loads(line) for line in f]
        history = History(events)
        judge = Judge(history)
        judge.judge()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        print("judge.py: %s: no history: %r" % (sys.argv[1], e), file=sys.stderr)
        return 2
    for text in judge.found[:20]:
        print(text)
    if len(judge.found) > 20:
        print("and %d more" % (len(judge.found) - 20))
    no_end = not history.ended and not history.stuck
    if no_end:
        print("the history breaks off, so nothing is learnt")
    no_fault = not any(f["struck"] for f in history.faults)
    if no_fault:
        print("no fault struck, so nothing is learnt")
    print(judge.sum())
    return 1 if judge.found else 3 if no_fault or no_end else 0


if __name__ == "__main__":
    sys.exit(main())
