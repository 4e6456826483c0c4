"""The text: a document, and the blocks of code and the made parts in it."""
import os
import re

import chapters


class Block:
    """A block of code, or a part that this program makes."""

    def __init__(self, document, kind, headings, first):
        self.document, self.kind, self.first = document, kind, first
        self.headings = list(headings)  # the ##, the ###, the #### over it
        self.prefix = ""  # "> " within a quotation
        self.lines = []

    def where(self):
        return f"{self.document}:{self.first}"

    def folder(self):
        name = chapters.name_of(self.document)
        return name if os.path.isdir(name) else "."


class Document:
    """A file, with its blocks; number i of lines is line i + 1."""

    def __init__(self, name):
        self.name, self.blocks = name, []
        self.is_new = False  # something was written that the file has not yet
        self.prose = []  # (number, line, headings) of what is in no block
        self.anchors = set()  # of its headings
        with open(name, encoding="utf-8") as f:
            self.lines = f.read().split("\n")
        headings, block, fence = [], None, ""
        for i, line in enumerate(self.lines):
            bare = re.sub(r"^> ?", "", line)
            if block is None:
                begin = re.match(r"<!-- begin: (.*) -->$", line)
                if begin:
                    block = Block(name, "made", headings, i + 2)
                    block.name, fence = begin.group(1), f"<!-- end: {begin.group(1)} -->"
                elif bare.startswith("```"):
                    block = Block(name, bare[3:], headings, i + 2)
                    block.prefix, fence = line[:len(line) - len(bare)], "```"
                elif line.startswith("#"):
                    level = len(line) - len(line.lstrip("#"))
                    heading = line.lstrip("# ")
                    headings[max(level - 2, 0):] = [heading] if level > 1 else []
                    self.anchors.add(chapters.anchor_of(heading))
                else:
                    self.prose.append((i + 1, line, list(headings)))
            elif bare == fence:
                self.blocks.append(block)
                block = None
            else:
                block.lines.append(bare if block.prefix else line)
        if block is not None:
            raise SystemExit(f"notes: {block.where()}: the block has no end")

    def end_with(self, line):
        """Puts another line of links at the end."""
        while self.lines and (not self.lines[-1]
                              or chapters.is_last_line(self.lines[-1])):
            self.lines.pop()
        self.lines += ["", line, ""]
        self.is_new = True

    def replace(self, block, lines):
        """Puts other lines into a block; from the last block to the first."""
        at = block.first - 1
        self.is_new = True
        self.lines[at:at + len(block.lines)] = [
            (block.prefix + line).rstrip() if block.prefix else line
            for line in lines]
