"""Runs commands that must succeed."""
import subprocess


def run(command, **more):
    """What a command prints, both streams; it must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **more)
    if done.returncode != 0:
        raise SystemExit(f"notes: {command} fails:\n{done.stdout}")
    return done.stdout
