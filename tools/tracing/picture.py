#!/usr/bin/env python3
"""picture: makes of a trace a time line, an SVG, and a Chrome trace.

    picture.py FILE OUT RUNG STORY TITLE

FILE.calls is what tools/tracing/trace.c has noted, FILE.people what the peer
has. OUT.txt, OUT.svg and OUT.json are written. Exit status 1, and a line on
stderr, if the program was not traced.
"""

import json
import sys

import chrome
import drawing
import telling
from reading import Trace


def start_of(trace):
    """0 ms: the server listens."""
    for d in trace.deeds:
        if d.who.startswith("server") and d.what == "listens":
            return d.time
    return trace.deeds[0].time


def window_of(trace):
    """What is drawn: behind the joining of a crowd, up to the end."""
    begin = end = None
    for d in trace.deeds:
        if d.what == "order" and d.who == "crowd" and d.words[0] == "storms":
            begin = d.time
        if d.what == "order" and d.who == "server" and \
                d.words[0] == "output":
            end = d.time
    begin = begin or start_of(trace)
    return begin, max(begin + 1000, trace.ended or end or trace.over)


def main(argv):
    if len(argv) != 6:
        sys.exit(__doc__)
    file, out, rung, story, title = argv[1:]
    trace = Trace(file)
    if not trace.by_thread:
        sys.exit("trace: the program's calls could not be noted: is it linked "
                 "statically, or against another libc than glibc?")
    start, window = start_of(trace), window_of(trace)
    heading = "%s, the story %s: %s" % (rung, story, title)
    with open(out + ".txt", "w", encoding="utf-8") as f:
        f.write(telling.time_line(trace, start, heading))
    with open(out + ".svg", "w", encoding="utf-8") as f:
        f.write(drawing.draw(trace, start, window, heading))
    with open(out + ".json", "w", encoding="utf-8") as f:
        json.dump(chrome.events(trace, start, heading), f)
        f.write("\n")


if __name__ == "__main__":
    main(sys.argv)
