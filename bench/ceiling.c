/* ceiling.c: what a room costs if the server is nothing but its send()s.
 *
 * S speakers have W lines each under way, as ever; a child is told through a
 * pipe when those of one are due, and sends them, with heads, to each of N
 * sockets, W lines in one send(). It reads no socket, waits in no poll(),
 * writes no head. So with W = 1 this is the most that a server can reach that
 * calls send() once for each line and hearer. */
#define _POSIX_C_SOURCE 200809L
#include "load.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEAD = 40 }; /* "[2026-11-23 06:44:56] 127.0.0.1:50546 " and a bit */

static struct peer *ears;
static int *mouths;
static size_t bytes; /* of W lines */
static uint64_t heard;

static void ear_readable(struct peer *p)
{
    static char buf[BUF_SIZE];
    ssize_t n = recv(p->fd, buf, sizeof buf, MSG_DONTWAIT);

    if (n > 0)
        heard += (uint64_t)n;
}

/* Connections to ourselves: we hear at one end, the child speaks at the
 * other. */
static void make_connections(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    socklen_t len = sizeof addr;
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&addr, len) < 0
        || listen(listener, 16) < 0
        || getsockname(listener, (struct sockaddr *)&addr, &len) < 0)
        die("listen", strerror(errno));
    opt.ports = (struct list){1, {ntohs(addr.sin_port)}};
    for (int i = 0; i < opt.members; i++) {
        ears[i].fd = dial(i);
        ears[i].readable = ear_readable;
        watch(&ears[i]);
        mouths[i] = accept(listener, NULL, NULL);
        if (mouths[i] < 0)
            die("accept", strerror(errno));
        setsockopt(mouths[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    close(listener);
}

/* The child: a byte from `due` is W lines of one speaker, for everyone. */
static void send_rounds(int due)
{
    static char buf[BUF_SIZE];
    char byte;

    use_core(1);
    memset(buf, 'x', sizeof buf);
    while (read(due, &byte, 1) == 1)
        for (int i = 0; i < opt.members; i++)
            if (send(mouths[i], buf, bytes, 0) < 0)
                _exit(1);
    _exit(0);
}

/* Asks for as many rounds as have been heard, so that S are under way. */
static long hear_rounds(int due)
{
    static char byte[1000];
    struct peer *ready[EVENTS];
    uint64_t end = now_ns() + (uint64_t)(opt.seconds * 1e9);
    long asked = 0, done = 0;

    while (now_ns() < end) {
        size_t more = (size_t)(done + opt.speakers - asked);
        int n;

        if (more > 0 && write(due, byte, more) != (ssize_t)more)
            die("write", strerror(errno));
        asked += (long)more;
        n = wait_ready(ready, 1000);
        if (n == 0)
            die("ceiling", "nothing comes");
        for (int i = 0; i < n; i++)
            ready[i]->readable(ready[i]);
        done = (long)(heard / (bytes * (uint64_t)opt.members));
    }
    return done;
}

int ceiling(void)
{
    int due[2];
    uint64_t start;
    double cpu, n, seconds;
    pid_t child;

    ears = calloc((size_t)opt.members, sizeof *ears);
    mouths = calloc((size_t)opt.members, sizeof *mouths);
    bytes = (size_t)opt.window * ((size_t)opt.size + HEAD);
    if (ears == NULL || mouths == NULL || pipe(due) < 0 || bytes > BUF_SIZE)
        die("ceiling", "no memory, or more lines than fit into a send()");
    fcntl(due[1], F_SETFD, FD_CLOEXEC);
    make_connections();
    child = fork();
    if (child == 0) {
        close(due[1]);
        send_rounds(due[0]);
    }
    use_core(0);
    cpu = cpu_of(child);
    start = now_ns();
    n = (double)hear_rounds(due[1]) * opt.members * opt.window;
    seconds = (double)(now_ns() - start) / 1e9;
    cpu = cpu_of(child) - cpu;
    printf("deliveries_per_s\t%.0f\n", n / seconds);
    printf("cpu_us_per_delivery\t%.3f\n", 1e6 * cpu / n);
    close(due[1]); /* The child sees the end of it, and ends. */
    waitpid(child, NULL, 0);
    return 0;
}
