/* broker: what stands between several servers: it is started on a port of its
 * own, stops answering, dies, and comes back to the same port. */
#include "peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Ports below those that a system gives to whoever asks for any: nobody takes
 * one while the broker is away. */
enum { FIRST_PORT = 20000, MANY_PORTS = 12000 };

static char *command[MAX_ARGS + 1]; /* with which it was started */

static struct sockaddr_in address(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};

    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static int is_free(int port)
{
    struct sockaddr_in a = address(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, free;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    free = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return free;
}

/* Two peers that share a network begin at different ports, as their numbers
 * differ. */
static int choose_port(void)
{
    int n = getpid() * 7;

    while (!is_free(FIRST_PORT + n % MANY_PORTS))
        n++;
    return FIRST_PORT + n % MANY_PORTS;
}

/* The port in "listening on HOST:PORT", if that is a whole line; else 0. */
static int port_told(const char *text)
{
    const char *line = text != NULL ? strstr(text, "listening on ") : NULL;
    int port = 0;

    if (line == NULL || strchr(line, '\n') == NULL
        || sscanf(line, "listening on %*[^:]:%d", &port) != 1)
        return 0;
    return port;
}

/* 1: it takes connections; 0: not yet; -1: it has ended. Where it chooses its
 * port itself, it says so first. */
static int listens(void *arg)
{
    struct prog *g = arg;
    struct sockaddr_in a;
    int fd, done;

    if (!g->child.alive)
        return -1;
    if (g->port == 0)
        g->port = port_told(g->out.p);
    if (g->port == 0)
        return 0;
    a = address(g->port);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    done = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return done;
}

static void run(struct prog *g)
{
    struct limits limits = {0};
    int r;

    if (launch(g, command, &limits) < 0)
        return;
    r = until_every(10, listens, g);
    if (r == 1)
        reply("ok %d", g->port);
    else
        fail("harness", "the broker, %s, does not listen on port %d%s\n%s%s",
             command[0], g->port, r < 0 ? ": it has ended" : "",
             g->out.p ? g->out.p : "", g->err.p ? g->err.p : "");
}

/* starts PROGRAM ARGUMENT...: one of these is PORT, or it chooses one itself
 * and says "listening on HOST:PORT" -> ok and which that is */
void broker_starts(struct prog *g, char **arg)
{
    char port[16];

    if (g->child.alive) {
        fail("harness", "there is one broker, and it runs");
        return;
    }
    g->port = 0;
    for (int i = 0; i < MAX_ARGS && arg[i] != NULL; i++) {
        if (strcmp(arg[i], "PORT") == 0)
            g->port = choose_port();
        snprintf(port, sizeof port, "%d", g->port);
        command[i] = strdup(strcmp(arg[i], "PORT") == 0 ? port : arg[i]);
    }
    run(g);
}

/* restarts: as it was started, on the same port -> ok PORT */
void broker_restarts(struct prog *g, char **arg)
{
    (void)arg;
    if (command[0] == NULL || g->child.alive)
        fail("harness", "the broker %s",
             g->child.alive ? "runs" : "has never been started");
    else
        run(g);
}
