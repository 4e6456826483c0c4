"""Lines of our own files: of the difference to the rung before, or of a source
file."""
import os
import subprocess

import tables


def parts_of(lines):
    """The lines between lines that are only "..."."""
    parts = [[]]
    for line in lines:
        if line.strip() == "...":
            parts.append([])
        else:
            parts[-1].append(line)
    return [part for part in parts if part]


def find_in_order(parts, whole):
    """The first part that is not in whole, behind the part before it."""
    at = 0
    for part in parts:
        while at + len(part) <= len(whole) and whole[at:at + len(part)] != part:
            at += 1
        if at + len(part) > len(whole):
            return part
        at += len(part)
    return None


def check_diff(block):
    rung = block.folder()
    past = tables.before(rung)
    if past is None:
        return [f"{block.where()}: {block.document} is of no rung that has one "
                "before it"]
    whole = subprocess.run(["diff", "-U", "100000", f"{past}/server.c",
                            f"{rung}/server.c"], text=True,
                           stdout=subprocess.PIPE).stdout.split("\n")[3:]
    lost = find_in_order(parts_of(block.lines), whole)
    if lost is None:
        return []
    return [f"{block.where()}: not so, or not in this order, in the difference "
            f"from {past} to {rung}:"] + [f"    {line}" for line in lost]


def check_c(block):
    folder, lost = block.folder(), None
    for name in sorted(os.listdir(folder)):
        if name.endswith((".c", ".h")):
            with open(f"{folder}/{name}", encoding="utf-8") as f:
                lost = find_in_order(parts_of(block.lines), f.read().split("\n"))
            if lost is None:
                return []
    return [f"{block.where()}: in no source file of {folder}:"] + \
        [f"    {line}" for line in lost or ["(there is none)"]]
