"""What a trace says, in words: a time line, and who waits for whom."""

from reading import LOCKS, MS, READS, SENDS

CALLS = {
    "lock": "pthread_mutex_lock", "trylock": "pthread_mutex_trylock",
    "unlock": "pthread_mutex_unlock", "cond_wait": "pthread_cond_wait",
    "signal": "pthread_cond_signal", "broadcast": "pthread_cond_broadcast",
    "rdlock": "pthread_rwlock_rdlock", "wrlock": "pthread_rwlock_wrlock",
    "create": "pthread_create", "join": "pthread_join"}
SIGNALS = {"signal6": "SIGABRT", "signal8": "SIGFPE", "signal9": "SIGKILL",
           "signal11": "SIGSEGV", "signal15": "SIGTERM", "signal2": "SIGINT"}
LINES_MAX = 150


def ms(ns):
    """A duration or a time, as it is written everywhere."""
    value = ns / MS
    if value < .0995:
        return "%.0f \u00b5s" % (1000 * value)
    return "%.1f ms" % value if value < 9.95 else "%.0f ms" % value


def call_name(call):
    return CALLS.get(call.name, call.name) + "()"


def name_of(trace, who):
    if who is None:
        return "nobody that was seen"
    if who[0] == "person":
        return "port %s" % who[1] if who[1] == "?" else who[1]
    return trace.names.get(who[1], "a thread")


def state_of(trace, name, time):
    """", who does not read": why it takes so long, if that is known."""
    gone = trace.is_gone(name, time)
    if gone == "resets":
        return ", who has crashed"
    if gone:
        return ", who has left"
    return ", who does not read" if trace.is_deaf(name, time) else ""


def in_call(trace, step, time, mark=""):
    """"in send() to carol, who does not read": what a thread waits for. The
    mark stands before the person."""
    where = "in %s" % call_name(step.call)
    whom = name_of(trace, step.of) if step.of else None
    if step.sort == "socket":
        return "%s to %s%s%s" % (where, mark, whom,
                                 state_of(trace, whom, time))
    if step.sort == "person":
        return "%s, waiting for %s%s to speak" % (where, mark, whom)
    if step.sort == "newcomer":
        return "%s, waiting for somebody to come" % where
    if step.sort == "console":
        return "%s, waiting for the console" % where
    if step.sort == "condition":
        return "%s, until %s signals %s" % (
            where, whom or "somebody", trace.condition_name(step.thing))
    if step.sort == "descriptors":
        return "%s, waiting for any of %d descriptors" % (
            where, step.call.object)
    if step.sort == "thread":
        return "%s, waiting for another thread to end" % where
    return where


def part_of(trace, step, before, time, mark):
    """What one link of the chain says; before is the link before it."""
    who = name_of(trace, step.who)
    if step.sort == "words":
        return "%s has spoken, and the words wait to be read" % who
    if before is not None and before.sort == "lock":
        if step.sort == "nothing":
            return "%s holds it, and runs" % who
        if step.sort == "ended":
            return "%s took it, and has ended without giving it back" % who
        if step.sort == "lock":
            return "%s holds it, and waits for %s" % (
                who, lock_words_of(trace, step))
        return "%s holds it, %s" % (who, in_call(trace, step, time, mark))
    if before is not None and before.sort == "words":
        reads = any(c.name in READS and c.port == before.thing
                    for c in trace.by_thread.get(step.who[1], []))
        who = "%s, which is to %s," % (who, "read them" if reads else
                                       "accept %s" % before.who[1])
    if step.sort == "lock":
        return "%s waits for %s" % (who, lock_words_of(trace, step))
    if step.sort == "ended":
        return "%s has ended" % who
    if step.sort == "nothing":
        return "%s runs" % who
    return "%s is %s" % (who, in_call(trace, step, time, mark))


def lock_words_of(trace, step):
    """"the lock", and whose it is, if the chain comes back to that thread."""
    name = trace.lock_name(step.thing)
    if not step.closes:
        return name
    if step.of == step.who:
        return "%s, which it holds itself" % name
    return "%s, which %s holds: neither can go on" % (
        name, name_of(trace, step.of))


CIRCLED = "\u2460\u2461\u2462\u2463\u2464\u2465\u2466\u2467\u2468"


def circled(n):
    """The n-th circled number, with a blank behind it."""
    return CIRCLED[n - 1] + " " if n <= len(CIRCLED) else ""


def ends_at_person(step):
    return step.sort in ("socket", "person") and step.of[1] != "?"


def sentence_of(trace, steps, time, first=None):
    """The chain: "alice's thread waits for the lock; bob's thread holds it,
    in send() to carol, who does not read". With first, each who has a number,
    as in the picture, the first of them this one."""
    parts, before = [], None
    for i, step in enumerate(steps):
        mark = circled(first + i + 1) if first else ""
        text = part_of(trace, step, before, time, mark)
        parts.append((circled(first + i) if first else "") + text)
        before = step
    return "; ".join(parts)


def length_of(steps):
    """So many numbers it has."""
    return len(steps) + ends_at_person(steps[-1])


# --- what the people's orders say ---

def quoted(text):
    text = text.replace("\\\\", "\\")
    if text.endswith("\\n"):
        text = text[:-2]
    return '"%s"' % (text if len(text) <= 60 else text[:57] + "...")


def words_of(deed):
    """An order in English, or None if it need not be told."""
    who, (verb, *rest) = deed.who, deed.words
    first = rest[0] if rest else ""
    if who.startswith("server"):
        return {"starts": "the server starts", "ends": "the server is to end",
                "types": "the console says %s" % quoted(first),
                "gets": "the server gets SIG%s" % first,
                "rests": "all threads sleep"}.get(verb)
    if who in ("token", "deadline", "descriptors", "clock"):
        return None
    if who == "crowd":
        return crowd_words(verb, rest)
    plain = {"joins": "joins", "knocks": "knocks", "leaves": "leaves",
             "crashes": "crashes", "vanishes": "vanishes",
             "stops-reading": "stops reading", "reads-on": "reads on",
             "half-closes": "half closes", "is-unserved": "knocks",
             "is-let-go": "is to be let go", "sees-end": "is to see the end",
             "says-slowly": "says slowly %s" % quoted(first),
             "says": "says %s" % quoted(first),
             "sends": "says %s" % quoted(first),
             "hears": "listens for %s" % quoted(first),
             "hears-at-last": "listens for %s" % quoted(first)}.get(verb)
    if verb == "floods":
        plain = "floods %s %s" % (first, rest[1] if len(rest) > 1
                                  else "megabytes")
    return "%s %s" % (who, plain) if plain else None


def crowd_words(verb, rest):
    if verb == "storms":
        return "a storm of %s rounds with %s people, %s" % (
            rest[0], rest[1], rest[3])
    return "a crowd of %s %s" % (rest[0], verb)


def orders(trace):
    """(order, when it was over, whether it held), in order."""
    waiting, found = None, []
    for d in trace.deeds:
        if d.what == "order":
            waiting = d
        elif d.who == "stage" and d.what in ("done", "failed") and waiting:
            found.append((waiting, d.time, d.what == "done"))
            waiting = None
    return found


def bare(text):
    return text[:-2] if text.endswith("\\n") else text


def sayings(trace):
    """(who, time, text, [(listener, time)]): who said what, and who heard it
    when. That it was heard, the bytes tell."""
    found = []
    for d, _, _ in orders(trace):
        if d.who not in trace.people or d.words[0] not in ("says", "sends"):
            continue
        text = bare(d.words[1])
        spoken = next((s for s in trace.people[d.who].said
                       if s[0] >= d.time), None)
        if spoken is None or not text or len(d.words) > 2:
            continue
        heard = []
        for p in trace.people.values():
            for piece in p.heard:
                if piece[0] > spoken[0] and text in piece[3]:
                    heard.append((p.name, piece))
                    break
        found.append((d.who, spoken, text, heard))
    return found


# --- what happened, in one sentence each ---

def death_of(trace):
    """(sentence, call) if the program died of a signal."""
    how = trace.death or ""
    if not how.startswith("sig"):
        return None
    signal = "SIGPIPE" if how == "sigpipe" else SIGNALS.get(how, how)
    for c in reversed(trace.calls):
        if c.end is None and c.name in SENDS and c.port:
            whom = trace.ports.get(c.port, "port %d" % c.port)
            return "%s is in %s to %s%s: %s ends the program" % (
                trace.names[c.tid], call_name(c), whom,
                state_of(trace, whom, trace.end_of(c)), signal), c
    return "%s ends the program" % signal, None


def living(trace, time):
    for tid in trace.by_thread:
        begin, end = trace.life_of(tid)
        if begin <= time < end:
            yield tid


def delay_of(trace, numbered=False):
    """(sentence, time, [Step]) if the server was to end, and did not."""
    said = None
    for d, over, held in orders(trace):
        if d.who == "server" and d.words[0] == "types":
            said = d.time
        if d.who != "server" or d.words[0] != "ends" or held or said is None:
            continue
        steps = []
        for tid in living(trace, over - 1):
            call = trace.call_at(tid, over - 1)
            if call is not None:
                steps.append(trace.wait_of(call, over - 1))
        parts, first = [], 1
        for step in steps:
            parts.append(sentence_of(trace, [step], over - 1,
                                     first if numbered else None))
            first += length_of([step])
        return "%s after quit the program goes on: %s" % (
            ms(over - said), "; ".join(parts)), over - 1, steps
    return None


def crossing(spans):
    """How many of (begin, end) there are at once, at most."""
    moves = sorted([(a, 1) for a, _ in spans] + [(b, -1) for _, b in spans])
    now = most = 0
    for _, change in moves:
        now += change
        most = max(most, now)
    return most


def lock_use(trace):
    """How the busiest lock was used: None if nobody waited for it."""
    if not trace.locks:
        return None
    thing = trace.locks[0]
    held = trace.held[thing]
    waits = [(c.begin, trace.end_of(c)) for c in trace.calls
             if c.name in LOCKS and c.object == thing
             and c.lasted(trace) > MS // 20]
    return {"thing": thing, "holds": len(held), "waits": len(waits),
            "threads": len({t for _, _, t in held}),
            "waited": sum(b - a for a, b in waits), "most": crossing(waits),
            "held": sum(b - a for a, b, _ in held)}


def lock_words(trace, least):
    use = lock_use(trace)
    if use is None or use["most"] < least:
        return None
    return "%d threads take turns with %s, which is held for %s in all; up to " \
        "%d wait for it at once, and together for %s" % (
            use["threads"], trace.lock_name(use["thing"]), ms(use["held"]),
            use["most"], ms(use["waited"]))


def worker_words(trace):
    """Where one thread does the sending, or all: where does it wait?"""
    for tid, name in trace.names.items():
        calls = trace.by_thread[tid]
        sends = [c for c in calls if c.name in SENDS and c.port]
        if not sends or not (name == "postman" or len(trace.names) == 1):
            continue
        polls = [c for c in calls if c.name == "poll"]
        if not polls:
            continue
        return "%s alone sends: %d times, and never longer than %s; it waits " \
            "in poll(), for %s in all" % (
                name, len(sends), ms(max(c.lasted(trace) for c in sends)),
                ms(sum(c.lasted(trace) for c in polls)))
    return None


def letting_go(trace):
    """Whom the program hangs up on because she does not read."""
    for c in trace.calls:
        name = trace.ports.get(c.port)
        if c.name in ("shutdown", "close") and name and \
                trace.is_deaf(name, c.begin) and \
                trace.is_gone(name, c.begin) is None:
            return "%s lets %s go, who does not read" % (
                trace.names[c.tid], name), c
    return None


def facts(trace, numbered=False):
    """[(kind, sentence, what belongs to it)], the most telling first; numbered:
    as in the picture."""
    found = []
    death, delay = death_of(trace), delay_of(trace, numbered)
    if death:
        found.append(("death", death[0], death[1]))
    if delay:
        found.append(("delay", delay[0], delay[1:]))
    chains = trace.chains()
    if chains and chains[0][0] >= 20 * MS and not delay:
        lasted, steps, time = chains[0]
        found.append(("chain", "%s (%s)" % (sentence_of(
            trace, steps, time, 1 if numbered else None), ms(lasted)),
            chains[0]))
    let = letting_go(trace)
    if let:
        found.append(("letgo", let[0], let[1]))
    told = [kind for kind, _, _ in found]
    for words in (worker_words(trace),
                  lock_words(trace, 8 if "chain" in told else 2)):
        if words and len(found) < 2:
            found.append(("use", words, None))
    return found


# --- the time line ---

def hearing_words(trace):
    for who, spoken, text, heard in sayings(trace):
        crowd = [piece for name, piece in heard if name.startswith("crowd")]
        for name, piece in heard:
            if piece not in crowd:
                yield piece[0], name, "hears %s, %s after it was said" % (
                    quoted(text), ms(piece[0] - spoken[0]))
        if crowd:
            last = max(piece[0] for piece in crowd)
            yield last, "the crowd", "has heard %s, %d of them, the last %s " \
                "after it was said" % (quoted(text), len(crowd),
                                       ms(last - spoken[0]))
        yield from late_hearing(trace, spoken, text, [n for n, _ in heard])


def late_hearing(trace, spoken, text, known):
    """Who heard it among so much else that only she can tell when at last."""
    for d, over, held in orders(trace):
        if held and d.words[0] == "hears-at-last" and d.who not in known \
                and bare(d.words[1]) == text and over > spoken[0]:
            yield over, d.who, "has heard %s by now, %s after it was said" % (
                quoted(text), ms(over - spoken[0]))
            return


def order_words(trace):
    for d, over, held in orders(trace):
        text, verb = words_of(d), d.words[0]
        quiet = verb in ("hears", "hears-at-last", "ends", "is-let-go",
                         "sees-end")
        if text is None or quiet and held:
            continue
        who, _, rest = text.partition(" ")
        if who in ("the", "a", "all"):
            who, rest = "", text
        yield over if verb == "rests" else d.time, who, rest
        if not held:
            yield over, who, "... in vain, after %s" % ms(over - d.time)


def life_words(trace):
    """That threads begin and end: of many together, how many."""
    many = len(trace.names) > 12
    for tid, name in trace.names.items():
        life = trace.lives.get(tid)
        if not (many and name.startswith("crowd")):
            yield trace.life_of(tid)[0], name, "begins"
            if life is not None and life.end is not None:
                yield life.end, name, "ends"
    crowd = [trace.life_of(t) for t, n in trace.names.items()
             if many and n.startswith("crowd")]
    if crowd:
        yield max(b for b, _ in crowd), "", "%d threads have begun, one for " \
            "each client" % len(crowd)


def wait_words(trace):
    for c in trace.calls:
        if c.lasted(trace) < 5 * MS and c.end is not None:
            continue
        if c.name in LOCKS or c.name == "cond_wait" or (
                c.name in SENDS and c.port):
            middle = c.begin + c.lasted(trace) // 2
            words = sentence_of(trace, trace.chain_from(c.tid, middle), middle)
            many = trace.holders_during(c)
            if many > 1:
                words = "waits for %s; %d others hold it meanwhile" % (
                    trace.lock_name(c.object), many)
            name = trace.names[c.tid]
            words = words[len(name) + 1:] if words.startswith(name) else words
            yield c.begin, name, "%s  [%s]" % (
                words, ms(c.lasted(trace)) if c.end else "never returns")


def time_line(trace, start, heading):
    """The lines of RUNG-STORY.txt."""
    events = [e for e in list(order_words(trace)) + list(life_words(trace))
              + list(wait_words(trace)) + list(hearing_words(trace))
              if e[0] >= start]
    if trace.ended:
        events.append((trace.ended, "", "the server has ended: %s"
                       % ending_words(trace.death)))
    lines = [heading, ""]
    width = max([len(e[1]) for e in events] + [4])
    for time, who, what in fold(sorted(events, key=lambda e: e[0])):
        lines.append("%11s  %-*s  %s" % (ms(time - start), width, who, what))
    if trace.is_cut:
        lines.append("(There was no room for all calls: the last are missing.)")
    told = facts(trace)
    if told:
        lines += ["", "Who waits for whom:"]
        lines += ["  %s." % text for _, text, _ in told]
    return "\n".join(lines) + "\n"


def ending_words(death):
    if death.startswith("exit"):
        return "exit status %s" % death[4:]
    return "SIGPIPE" if death == "sigpipe" else SIGNALS.get(death, death)


def fold(events):
    if len(events) <= LINES_MAX:
        return events
    half = LINES_MAX // 2
    middle = events[half]
    return events[:half] + [(middle[0], "", "(%d lines more)" % (
        len(events) - 2 * half))] + events[-half:]
