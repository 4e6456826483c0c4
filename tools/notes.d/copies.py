"""Copies of the kit, to play in. Nothing is played in the first, which is built,
so that the others are as new."""
import os
import shutil
import tempfile

from shell import run


def built(work, for_tests):
    """What git would commit, built, and with a history of one commit; if it is
    for tests, with their own programs, or each copy would build them."""
    kit = os.path.join(work, "kit")
    for name in run(["git", "ls-files", "-co", "--exclude-standard"]).split("\n"):
        if name and os.path.lexists(name):
            os.makedirs(os.path.dirname(os.path.join(kit, name)), exist_ok=True)
            shutil.copy2(name, os.path.join(kit, name), follow_symlinks=False)
    git = ["git", "-C", kit, "-c", "user.name=kit", "-c", "user.email=kit@localhost"]
    run(git + ["init", "-q"])
    run(git + ["add", "-A"])
    run(git + ["commit", "-q", "-m", "the kit"])
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    make = ["make", "-s", "-C", kit, "-j", str(os.cpu_count() or 1)]
    run(make, env=env)
    if for_tests:
        run(make + ["-f", "tests/sandbox/programs.mk"], env=env)
    return kit


def another(kit):
    """Another copy; -p keeps the times, or make would build all again."""
    copy = os.path.join(tempfile.mkdtemp(prefix="copy.", dir=os.path.dirname(kit)),
                        "kit")
    run(["cp", "-Rp", kit, copy])
    return copy
