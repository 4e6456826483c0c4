"""What a longer command prints, played and compared."""
import os
import subprocess

import compare

# A v4 that is handed in as a v5: the failure that README.md shows.
FAILURE = r"""
    mkdir -p work/v5_locks && cp v4_broadcast/server.c work/v5_locks/
    tests/run --dir work --stage v5_locks \
        --test 'a client that leaves does not take the room down'
    rm -r work
"""

TRANSCRIPTS = {
    "make demo": "make -s demo",
    "make demo STAGE=v4_broadcast": "make -s demo STAGE=v4_broadcast",
    "a failure": FAILURE,
}


def transcript(name, folder):
    out = subprocess.run(["bash", "-c", TRANSCRIPTS[name]], cwd=folder,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True,
                         env=dict(os.environ, COLUMNS="100", NO_COLOR="1")).stdout
    return ["```text"] + out.strip("\n").split("\n") + ["```"]


def columns_apart(lines):
    """The log runs beside the story, and may be a line late, or in another
    order: look at each."""
    parts = [line.partition(" | ") for line in lines]
    return [left.rstrip() for left, _, _ in parts if left.strip()] + \
        sorted(right for _, _, right in parts if right)


def without_volatile(line):
    return compare.VOLATILE.sub(lambda m: m.lastgroup, line)


def same(lines, others):
    """But for times and numbers."""
    return columns_apart(map(without_volatile, lines)) == \
        columns_apart(map(without_volatile, others))
