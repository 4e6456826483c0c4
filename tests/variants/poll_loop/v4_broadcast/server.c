/* A room without threads: one poll() waits for everybody. */
#define _POSIX_C_SOURCE 200809L
#include "door.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    KEYBOARD, /* watched[0] is stdin, */
    DOOR,     /* watched[1] the listener, */
    FIRST,    /* and from here on there are guests */
    MAX = 1024,
    PIECE = 1024
};

static struct pollfd watched[MAX];
static char names[MAX][NAME_MAX_LEN];
static int used = FIRST;
static int door;
static int running = 1;

/* --- guests: watched[i] and names[i] --- */

/* Blocking: who does not read makes everybody wait. */
static void tell(int i, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t done = send(watched[i].fd, text, n, 0);

        if (done == -1 && errno == EINTR)
            continue;
        if (done == -1) {
            /* She is let go when poll() reports it. */
            shutdown(watched[i].fd, SHUT_RDWR);
            return;
        }
        text += done;
        n -= done;
    }
}

static void tell_all(const char *text, size_t n)
{
    for (int i = FIRST; i < used; i++)
        tell(i, text, n);
}

/* The last one moves to the free place. */
static void show_out(int i)
{
    close(watched[i].fd);
    say(names[i], names[i], " left");
    used--;
    watched[i] = watched[used];
    memcpy(names[i], names[used], NAME_MAX_LEN);
    watched[DOOR].fd = door; /* there is a free descriptor now */
}

static void listen_to(int i)
{
    char text[64 + PIECE], when[TIME_LEN];
    int head = snprintf(text, 64, "[%s] %s ", clock_time(when), names[i]);
    ssize_t n = recv(watched[i].fd, text + head, PIECE, 0);

    if (n > 0)
        tell_all(text, head + n);
    else if (n == 0 || errno != EINTR)
        show_out(i);
}

static void let_in(void)
{
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    int fd;

    if (used == MAX) {
        watched[DOOR].fd = -1; /* until somebody leaves */
        return;
    }
    fd = accept(door, (struct sockaddr *)&from, &size);
    if (fd == -1) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
            watched[DOOR].fd = -1;
        return;
    }
    fcntl(fd, F_SETFL, 0);
    watched[used].fd = fd;
    watched[used].events = POLLIN;
    watched[used].revents = 0;
    endpoint(names[used], &from);
    say("accept", names[used], " joined");
    used++;
}

/* --- the console --- */

static void prompt(void)
{
    if (isatty(STDIN_FILENO) && write(STDOUT_FILENO, ">>> ", 4) == -1)
        running = 0;
}

static void obey(const char *line)
{
    if (strcmp(line, "quit") == 0) {
        say("main", "stopping", "");
        running = 0;
        return;
    }
    printf("1 thread\n");
    for (int i = FIRST; i < used; i++)
        puts(names[i]);
    fflush(stdout);
}

/* Takes what is typed as it comes, and obeys whole lines. */
static void read_keyboard(void)
{
    static char line[256];
    static size_t have;
    char c[256];
    ssize_t n = read(STDIN_FILENO, c, sizeof c);

    if (n <= 0) {
        watched[KEYBOARD].fd = -1; /* we go on without a console */
        if (have > 0)
            obey(line);
        return;
    }
    for (ssize_t i = 0; i < n && running; i++) {
        if (c[i] != '\n' && have < sizeof line - 1) {
            line[have++] = c[i];
            line[have] = '\0';
            continue;
        }
        line[have] = '\0';
        have = 0;
        obey(line);
        prompt();
    }
}

int main(int argc, char *argv[])
{
    signal(SIGPIPE, SIG_IGN);
    door = start(argc, argv);
    fcntl(door, F_SETFL, O_NONBLOCK); /* he may be gone when we accept */
    watched[KEYBOARD].fd = STDIN_FILENO;
    watched[DOOR].fd = door;
    watched[KEYBOARD].events = watched[DOOR].events = POLLIN;
    prompt();
    while (running) {
        /* With the door shut, we try again after a second. */
        if (poll(watched, used, watched[DOOR].fd == -1 ? 1000 : -1) == 0)
            watched[DOOR].fd = door;
        else if (watched[KEYBOARD].revents)
            read_keyboard();
        for (int i = used - 1; i >= FIRST; i--)
            if (watched[i].revents)
                listen_to(i);
        if (watched[DOOR].fd != -1 && watched[DOOR].revents)
            let_in();
        for (int i = 0; i < used; i++)
            watched[i].revents = 0;
    }
    while (used > FIRST)
        show_out(used - 1);
    close(door);
    return 0;
}
