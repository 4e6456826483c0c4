/* time_wait_keeps_the_port: without SO_REUSEADDR nobody has it again. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIME_WAIT = 6 }; /* as /proc/net/tcp has it */

static struct sockaddr_in addr = {.sin_family = AF_INET};
static socklen_t len = sizeof addr;

/* Returns a listener on addr, or -1; says how it went. */
static int listen_on_it(const char *who, int reuse)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), ok;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
    ok = bind(fd, (struct sockaddr *)&addr, len) == 0 && listen(fd, 1) == 0;
    printf("%s: %s\n", who, ok ? "it listens" : strerror(errno));
    getsockname(fd, (struct sockaddr *)&addr, &len);
    return ok ? fd : -1;
}

/* Returns the state of the first socket that has addr's port, 0 if none has. */
static int state(void)
{
    FILE *table = fopen("/proc/net/tcp", "r");
    unsigned port = 0, st = 0;
    char line[256];

    if (table == NULL) {
        printf("cannot be shown here: no /proc/net/tcp\n");
        exit(77);
    }
    while (port != ntohs(addr.sin_port) && fgets(line, sizeof line, table))
        sscanf(line, "%*d: %*[^:]:%x %*s %x", &port, &st);
    fclose(table);
    return port == ntohs(addr.sin_port) ? st : 0;
}

int main(void)
{
    int listener, client, c, without, with, third;
    char byte;

    alarm(10); /* ends a hang */
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = listen_on_it("a server", 1);
    client = socket(AF_INET, SOCK_STREAM, 0);
    connect(client, (struct sockaddr *)&addr, len);
    c = accept(listener, NULL, NULL);
    close(listener);
    close(c); /* The server closes first ... */
    recv(client, &byte, 1, 0);
    close(client); /* ... and the client when it has seen that. */
    while (state() != TIME_WAIT)
        sched_yield();
    printf("everything is closed; the connection is in TIME-WAIT\n");
    without = listen_on_it("again, without SO_REUSEADDR", 0);
    with = listen_on_it("again, with SO_REUSEADDR", 1);
    third = listen_on_it("another beside it, with SO_REUSEADDR", 1);
    return without < 0 && with >= 0 && third < 0 ? 0 : 1;
}
