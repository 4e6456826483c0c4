"""A trace as Chrome and Perfetto read it: chrome://tracing, ui.perfetto.dev.

The format: "Trace Event Format", a list of events. X has a beginning and a
length, M names a process or a thread, s and f are the ends of an arrow. Times
are in microseconds.
"""

from reading import LOCKS
from telling import call_name, orders, sayings, words_of

PROGRAM, PEOPLE, LOCK = 1, 2, 3


def us(ns):
    return round(ns / 1000, 3)


def meta(pid, tid, what, value):
    return {"ph": "M", "pid": pid, "tid": tid, "name": what,
            "args": {"sort_index" if what.endswith("index") else "name": value}}


def names(trace, people):
    found = [meta(PROGRAM, 0, "process_name", "the server"),
             meta(PEOPLE, 0, "process_name", "people"),
             meta(LOCK, 0, "process_name", "locks")]
    by_age = sorted(trace.names, key=lambda t: trace.life_of(t)[0])
    for i, tid in enumerate(by_age):
        found.append(meta(PROGRAM, tid, "thread_name", trace.names[tid]))
        found.append(meta(PROGRAM, tid, "thread_sort_index", i))
    for name, tid in people.items():
        found.append(meta(PEOPLE, tid, "thread_name", name))
    for i, thing in enumerate(trace.locks):
        found.append(meta(LOCK, i + 1, "thread_name", trace.lock_name(thing)))
    return found


def call_event(trace, start, call):
    args = {"result": call.result} if call.end is not None else \
        {"result": "it never returned"}
    if call.port:
        args["with"] = trace.ports.get(call.port, "port %d" % call.port)
    if call.error:
        args["errno"] = call.error
    if call.name in LOCKS:
        args["lock"] = trace.lock_name(call.object)
        tid = trace.holder_at(call.object, call.begin)
        if tid is not None and tid != call.tid:
            args["held by"] = trace.names.get(tid, "a thread")
    return {"ph": "X", "pid": PROGRAM, "tid": call.tid, "cat": "call",
            "name": call_name(call), "ts": us(call.begin - start),
            "dur": us(call.lasted(trace)), "args": args}


def deed_events(trace, start, people):
    for d, over, held in orders(trace):
        text = words_of(d)
        who = d.who if d.who in people else "the story"
        if text:
            yield {"ph": "X", "pid": PEOPLE, "tid": people[who], "cat": "deed",
                   "name": text, "ts": us(d.time - start),
                   "dur": us(over - d.time), "args": {"held": held}}


def arrow(i, name, begin, end, start):
    """Two events: from (pid, tid, time) to another."""
    for ph, (pid, tid, time) in (("s", begin), ("f", end)):
        event = {"ph": ph, "id": i, "cat": "words", "name": name, "pid": pid,
                 "tid": tid, "ts": us(time - start)}
        if ph == "f":
            event["bp"] = "e"
        yield event


def arrows(trace, start, people):
    """From who speaks to the thread that reads it, and on to who hears it."""
    i = 0
    for who, spoken, text, heard in sayings(trace):
        call = trace.reader_of(spoken[4], spoken[1])
        if call is not None:
            i += 1
            yield from arrow(i, text, (PEOPLE, people[who], spoken[0]),
                             (PROGRAM, call.tid, trace.end_of(call)), start)
        for listener, piece in heard:
            call = trace.sender_of(piece[4], piece[2] - 1)
            if call is not None and call.begin <= piece[0]:
                i += 1
                yield from arrow(i, text, (PROGRAM, call.tid, call.begin),
                                 (PEOPLE, people[listener], piece[0]), start)


def lock_events(trace, start):
    for i, thing in enumerate(trace.locks):
        for begin, end, tid in trace.held[thing]:
            yield {"ph": "X", "pid": LOCK, "tid": i + 1, "cat": "lock",
                   "name": "held by %s" % trace.names.get(tid, "a thread"),
                   "ts": us(begin - start), "dur": us(end - begin), "args": {}}


def events(trace, start, heading):
    people = {name: i + 1 for i, name in
              enumerate(["the story"] + list(trace.people))}
    found = names(trace, people)
    found += [call_event(trace, start, c) for c in trace.calls
              if c.name not in ("thread", "?", "unlock")]
    found += deed_events(trace, start, people)
    found += arrows(trace, start, people)
    found += lock_events(trace, start)
    return {"displayTimeUnit": "ms", "otherData": {"story": heading},
            "traceEvents": found}
