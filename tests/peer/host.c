/* host: the verbs of the server that the test plays for the client. */
#include "peer.h"
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listening = -1; /* for the client under test */

/* listens [IP [PORT]] -> ok PORT */
void host_listens(struct peer *p, char **arg)
{
    const char *ip = arg[0] ? arg[0] : "127.0.0.1";
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *ai;
    struct sockaddr_storage me;
    socklen_t len = sizeof me;
    int on = 1;
    char port[16];

    (void)p;
    if (listening >= 0)
        close(listening);
    if (getaddrinfo(ip, arg[0] && arg[1] ? arg[1] : "0", &hints, &ai) != 0) {
        fail("harness", "cannot listen on %s", ip);
        return;
    }
    listening = socket(ai->ai_family, SOCK_STREAM, 0);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listening < 0 || bind(listening, ai->ai_addr, ai->ai_addrlen) < 0
        || listen(listening, 8) < 0) {
        fail("unavailable", "cannot listen on %s: %s", ip, strerror(errno));
        freeaddrinfo(ai);
        return;
    }
    freeaddrinfo(ai);
    nonblocking(listening);
    getsockname(listening, (struct sockaddr *)&me, &len);
    getnameinfo((struct sockaddr *)&me, len, NULL, 0, port, sizeof port,
                NI_NUMERICSERV);
    reply("ok %s", port);
}

static int has_caller(void *arg)
{
    struct pollfd p = {listening, POLLIN, 0};

    (void)arg;
    if (poll(&p, 1, 0) == 1)
        return 1;
    for (int i = 0; i < stage.nclients; i++)
        if (stage.clients[i].child.alive)
            return 0;
    return -1;
}

/* accepts: the next caller is whom the host talks to */
void host_accepts(struct peer *p, char **arg)
{
    int r = until_every(10, has_caller, NULL), fd;

    (void)arg;
    if (r != 1) {
        fail(r == 0           ? "timeout"
             : stage.nclients ? ending(&stage.clients[0])
                              : "closed",
             "nobody connects");
        return;
    }
    fd = accept(listening, NULL, NULL);
    if (fd < 0) {
        fail("harness", "accept: %s", strerror(errno));
        return;
    }
    new_talk(p, fd);
    reply("ok");
}

/* disappears: closes the listener; the port is free, but remembered */
void host_disappears(struct peer *p, char **arg)
{
    (void)p, (void)arg;
    close(listening);
    listening = -1;
    reply("ok");
}

/* sees-farewell: end-of-stream, and not by a reset */
void host_sees_farewell(struct peer *p, char **arg)
{
    until(is_over, p);
    if (p->ended && p->err != 0)
        fail("reset", "the connection ended with %s, not with end-of-stream",
             strerror(p->err));
    else
        sees_end(p, arg);
}
