"""The lecture's design in Python: a thread a client, a lock, a dict.

    python3 bench/lecture.py PORT

One recv() is one message; all hear it, under the lock, one after another. A
client that fails is let go, as in v6. It is here to be measured against the
rungs in C, so it has no console; SIGTERM ends it.
"""

import datetime
import socket
import sys
import threading

clients = {}
lock = threading.Lock()  # guards clients


def broadcast(message):
    with lock:
        for conn in clients.values():
            try:
                conn.sendall(message)
            except OSError:
                pass  # its own thread sees that it is gone


def serve(conn, name):
    try:
        while True:
            data = conn.recv(1024)
            if data.strip() in (b"", b"quit"):
                break
            head = f"[{datetime.datetime.now():%Y-%m-%d %H:%M:%S}] {name} "
            broadcast(head.encode() + data)
    except OSError:
        pass
    with lock:
        del clients[name]
    conn.close()


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])),
                                    backlog=4096)
    while True:
        conn, (host, port) = listener.accept()
        name = f"{host}:{port}"
        with lock:
            clients[name] = conn
        threading.Thread(target=serve, args=(conn, name), daemon=True).start()


if __name__ == "__main__":
    main()
