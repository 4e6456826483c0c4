"""The parts between <!-- begin: NAME --> and <!-- end: NAME -->: tables, and
transcripts."""
import difflib

import tables
import transcripts


def is_played(block):
    """Are programs played for it?"""
    return block.kind == "made" and block.name in transcripts.TRANSCRIPTS


def check_made(document, block, folder, renew):
    kind, _, rest = block.name.partition(" ")
    if is_played(block):
        lines = transcripts.transcript(block.name, folder)
        same = transcripts.same(lines, block.lines)
    elif kind in tables.TABLES:
        lines = tables.TABLES[kind](document, *([rest] if rest else []))
        same = lines == block.lines
    else:
        return [f"{block.where()}: there is nothing that makes {block.name}"]
    if same:
        return []
    if renew:
        block.new = lines
        return []
    return [f"{block.where()}: {block.name} is stale:"] + \
        [f"    {line}" for line in difflib.unified_diff(
            block.lines, lines, "the text", "what comes out", lineterm="", n=1)]


def check_tables(documents, renew):
    """The tables, and not the transcripts, for which programs would be played."""
    return [line for d in documents for block in d.blocks
            if block.kind == "made" and not is_played(block)
            for line in check_made(d, block, None, renew)]
