"""peers: Python's sockets against our servers, and our client against Python.

    peers.py servers SERVE     the program serve, as each of the twelve
    peers.py python            the same questions to Python's socketserver
    peers.py client CLIENT     our client in the house of Python's socketserver

Exit status 0, or 1 after a traceback.
"""
import os
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading

DEADLINE = 20
KINDS = {
    "tcp": (socket.AF_INET, socket.SOCK_STREAM),
    "udp": (socket.AF_INET, socket.SOCK_DGRAM),
    "unix": (socket.AF_UNIX, socket.SOCK_STREAM),
    "unixgram": (socket.AF_UNIX, socket.SOCK_DGRAM),
}
HOWS = "plain", "threading", "forking"
count = 0


def new_path():
    global count
    count += 1
    return f"peer.{os.getpid()}.{count}"


def dial(kind, address):
    """A socket that is connected, and can be answered."""
    s = socket.socket(*KINDS[kind])
    s.settimeout(DEADLINE)
    if kind == "unixgram":
        s.bind(new_path())
    s.connect(address)
    return s


def ask(s, text):
    """Says a line, and hears one; a datagram is one."""
    s.sendall(text)
    answer = b""
    while not answer.endswith(b"\n"):
        piece = s.recv(4096)
        assert piece, f"the end, instead of an answer to {text}"
        answer += piece
    assert answer.endswith(text), (text, answer)


def examine(kind, how, address):
    """What each of the twelve must do; several at once, if it serves so."""
    for _ in range(3):
        with dial(kind, address) as s:
            ask(s, b"hello world\n")
    if how != "plain":
        guests = [dial(kind, address) for _ in range(5)]
        for turn in range(2):
            for i, s in enumerate(guests):
                ask(s, b"%d of %d\n" % (turn, i))
        for s in guests:
            s.close()
    with dial(kind, address) as s:
        ask(s, bytes(range(1, 10)) + "\u4f60".encode("gbk") + b"\0\xff\n")


def parse(kind, where):
    if kind.startswith("unix"):
        return where
    host, port = where.rsplit(":", 1)
    return host, int(port)


def serve(program, kind, how):
    place = new_path() if kind.startswith("unix") else "0"
    with subprocess.Popen([program, kind, how, place], bufsize=1,
                          universal_newlines=True, stdin=subprocess.PIPE,
                          stderr=subprocess.PIPE,
                          stdout=subprocess.DEVNULL) as p:
        try:
            line = p.stderr.readline()
            assert "listening on " in line, line
            examine(kind, how, parse(kind, line.split()[-1]))
            _, log = p.communicate("quit\n", DEADLINE)
        finally:
            p.kill()
    assert p.returncode == 0, (p.returncode, log)
    assert log.count(" joined") == log.count(" left"), log
    assert not os.path.exists(place), place


class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Packet(socketserver.DatagramRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.read())


def python_class(kind, how):
    base = {"tcp": socketserver.TCPServer, "udp": socketserver.UDPServer,
            "unix": socketserver.UnixStreamServer,
            "unixgram": socketserver.UnixDatagramServer}[kind]
    mixin = {"plain": (), "threading": (socketserver.ThreadingMixIn,),
             "forking": (socketserver.ForkingMixIn,)}[how]
    return type("Server", mixin + (base,), {})


def ask_python(kind, how):
    place = new_path() if kind.startswith("unix") else ("127.0.0.1", 0)
    handler = Packet if kind in ("udp", "unixgram") else Lines
    with python_class(kind, how)(place, handler) as server:
        pid = os.fork()  # or its children would inherit our ends, too
        if pid == 0:
            server.serve_forever(0.01)
        try:
            examine(kind, how, server.server_address)
        finally:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)


class Room(socketserver.StreamRequestHandler):
    """Answers each line, and says when one has left in good order."""
    def handle(self):
        for line in self.rfile:
            self.wfile.write(b"### " + line)
        self.server.farewell.set()


def client(program):
    with python_class("tcp", "threading")(("127.0.0.1", 0), Room) as server:
        server.farewell = threading.Event()
        loop = threading.Thread(target=server.serve_forever, args=(0.01,))
        loop.start()
        try:
            p = subprocess.run([program, str(server.server_address[1])],
                               input=b"one\n\xc4\xe3\nquit\n", timeout=DEADLINE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               check=True)
            assert server.farewell.wait(DEADLINE), "no farewell"
        finally:
            server.shutdown()
            loop.join()
    assert p.stdout == b"### say hello\n### one\n### \xc4\xe3\n", p


def main():
    what, *rest = sys.argv[1:]
    programs = [os.path.abspath(p) for p in rest]
    signal.alarm(4 * DEADLINE)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if what == "client":
            client(*programs)
            return
        for kind in KINDS:
            for how in HOWS:
                if what == "servers":
                    serve(*programs, kind, how)
                else:
                    ask_python(kind, how)
        os.chdir("/")


main()
