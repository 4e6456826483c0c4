"""relay: the link between one server and the broker, for play.py.

It can hold back what passes, drop it, and close the connection. Kafka's broker
tells its clients where to connect: the relay writes its own port there. The
broker of tests/broker knows nothing of idempotence: a line that is sent again
because the answer was lost is in its log twice. A real one would see that. So on
v11_log a cut first drops what the server sends, lets the answers to what had
been sent before come through, and only then closes; and the broker goes down in
the same way. Nobody's lines are said twice then, unless the server is to blame.
"""
import errno
import selectors
import socket
import struct

CHUNK = 1 << 16
HOLD_MAX = 1 << 20  # what we keep for who does not read


def quiet(call, *args):
    """Calls a socket's method; None if it would block, b'' if it is broken."""
    try:
        return call(*args)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError as e:
        return None if e.errno == errno.EINPROGRESS else b""


class Pair:
    """One connection through a relay: down is the server, up the broker."""

    def __init__(self, link, down, up):
        self.link, self.down, self.up = link, down, up
        self.to = {"up": b"", "down": b""}    # read, and not yet sent
        self.part = {"up": b"", "down": b""}  # of a frame, where there are frames
        self.ended = {"up": False, "down": False}
        self.unanswered = set()  # numbers of produce requests
        self.dropping = False
        self.closed = False
        for s in (down, up):
            s.setblocking(False)
            link.play.selector.register(s, selectors.EVENT_READ)

    def frames(self, way, data):
        """Takes what was read, returns the whole frames of it."""
        data = self.part[way] + data
        end = 0
        while len(data) - end >= 4:
            size = 4 + struct.unpack_from(">i", data, end)[0]
            if len(data) - end < size:
                break
            if way == "up" and struct.unpack_from(">h", data, end + 4)[0] == 0:
                self.unanswered.add(data[end + 8:end + 12])
            elif way == "down":
                self.unanswered.discard(data[end + 4:end + 8])
            end += size
        self.part[way] = data[end:]
        return data[:end].replace(*self.link.address_change)

    def read(self, way):
        source = self.down if way == "up" else self.up
        while not self.ended[way] and len(self.to[way]) < HOLD_MAX:
            data = quiet(source.recv, CHUNK)
            if data is None:
                return
            if data == b"":
                self.ended[way] = True
            elif self.dropping and way in self.link.drops:
                self.link.dropped += len(data)
            elif self.link.address_change:
                self.to[way] += self.frames(way, data)
            else:
                self.to[way] += data

    def write(self, way):
        target = self.up if way == "up" else self.down
        while self.to[way] and way not in self.link.stalled:
            n = quiet(target.send, self.to[way])
            if n is None:
                return
            if n == b"":
                self.ended[way] = True
                self.link.dropped += len(self.to[way])
                self.to[way] = b""
                return
            self.to[way] = self.to[way][n:]

    def pump(self):
        for way in ("up", "down"):
            self.read(way)
            self.write(way)
            # While it is dropped, the other end is not to learn of an end.
            if (self.ended[way] and not self.to[way] and not self.dropping
                    and way not in self.link.stalled):
                self.close()
                return
        wanted = selectors.EVENT_READ
        for s, out, back in ((self.down, "down", "up"), (self.up, "up", "down")):
            wanted = 0
            if not self.ended[back] and len(self.to[back]) < HOLD_MAX:
                wanted |= selectors.EVENT_READ
            if self.to[out] and out not in self.link.stalled:
                wanted |= selectors.EVENT_WRITE
            self.link.play.watch(s, wanted)

    def close(self):
        if self.closed:
            return
        self.closed = True
        self.link.dropped += len(self.to["up"]) + len(self.to["down"])
        self.link.pairs.remove(self)
        for s in (self.down, self.up):
            self.link.play.watch(s, 0)
            s.close()


class Link:
    """The relay between one server and the broker."""

    def __init__(self, play):
        self.play = play
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.pairs = []
        self.is_cut = False
        self.stalled = set()
        self.drops = set()
        self.dropped = 0
        self.address_change = None
        if play.kafka:
            here = b"127.0.0.1" + struct.pack(">i", play.broker.port)
            mine = b"127.0.0.1" + struct.pack(">i", self.port)
            self.address_change = (here, mine)
        play.selector.register(self.listener, selectors.EVENT_READ)

    def pump(self):
        # One newcomer a turn: while the broker stands still, connect() may take
        # its time, and a server that is turned away is back before we are.
        got = quiet(self.listener.accept)
        if got:
            up = None if self.is_cut else self.play.broker.connect()
            if up is None:
                got[0].close()
            else:
                self.pairs.append(Pair(self, got[0], up))
        for pair in list(self.pairs):
            pair.pump()

    def held(self):
        return sum(len(p.to["up"]) + len(p.to["down"]) for p in self.pairs)

    def drop(self, pairs, *ways):
        self.drops = set(ways)
        for pair in pairs:
            pair.dropping = True

    def waits_for_answers(self):
        return any(p.unanswered for p in self.pairs)

    def close_pairs(self, pairs):
        n = 0
        for pair in pairs:
            n += not pair.closed
            pair.pump()
            pair.close()
        return n
