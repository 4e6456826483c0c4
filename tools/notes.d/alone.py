"""Plays a session in a process of its own, with a network and process numbers
of its own where the machine allows it."""
import fcntl
import functools
import pickle
import socket
import struct
import subprocess
import sys

import sessions


def raise_loopback():
    """Raises the interface lo of a new network namespace: netdevice(7)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        up = struct.pack("16sh", b"lo", 0x41)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(s, 0x8914, up)  # SIOCSIFFLAGS


@functools.lru_cache(maxsize=None)
def isolation():
    """The command that gives a session a network and process numbers of its
    own, so that port 9999 is free (unshare(1)); empty where it is forbidden."""
    for options in ([], ["--map-root-user"]):
        command = ["unshare", "--net", "--pid", "--fork", "--mount-proc"] + options
        try:
            if subprocess.run(command + ["true"], stderr=subprocess.DEVNULL
                              ).returncode == 0:
                return command
        except FileNotFoundError:
            pass
    return []


def play_alone(steps, folder, home, patience, prefix):
    """As play, in a process of its own, started by the command prefix. It needs
    none of the packages that site(1) would look for."""
    done = subprocess.run(prefix + [sys.executable, "-BS", __file__], check=True,
                          input=pickle.dumps((steps, folder, home, patience,
                                              bool(prefix))),
                          stdout=subprocess.PIPE)
    return pickle.loads(done.stdout)


def main():
    steps, folder, home, patience, isolated = pickle.load(sys.stdin.buffer)
    if isolated:
        raise_loopback()
    names = sessions.play(steps, folder, home, patience)
    pickle.dump((steps, names), sys.stdout.buffer)


if __name__ == "__main__":
    main()
