/* A room without threads, in which nobody waits for anybody: every guest has
 * a buffer for what she has not read yet, and poll() tells when she does. */
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
    PIECE = 1024,
    PATIENCE = 32 << 20 /* who is so many bytes behind is let go */
};

struct guest {
    int fd;
    int gone; /* to be let go at the end of the round */
    char name[NAME_MAX_LEN];
    char *pending; /* bytes from sent to end are still to be sent */
    size_t sent, end, size;
};

static struct guest **guests;
static size_t count, room;
static struct pollfd *watched; /* stdin, the door, then guest after guest */
static int door, keyboard = STDIN_FILENO;
static int door_is_shut; /* there was no descriptor for the last one */
static int running = 1;

/* --- one guest --- */

static void push(struct guest *g)
{
    while (g->sent < g->end && !g->gone) {
        ssize_t n = send(g->fd, g->pending + g->sent, g->end - g->sent, 0);

        if (n >= 0)
            g->sent += n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (errno != EINTR)
            g->gone = 1;
    }
    g->sent = g->end = 0;
}

static void tell(struct guest *g, const char *text, size_t n)
{
    if (g->gone)
        return;
    if (g->end + n > g->size && g->sent > 0) {
        memmove(g->pending, g->pending + g->sent, g->end - g->sent);
        g->end -= g->sent;
        g->sent = 0;
    }
    if (g->end + n > g->size) {
        size_t bigger = 2 * (g->end + n);
        char *p = g->end > PATIENCE ? NULL : realloc(g->pending, bigger);

        if (p == NULL) {
            g->gone = 1;
            return;
        }
        g->pending = p;
        g->size = bigger;
    }
    memcpy(g->pending + g->end, text, n);
    g->end += n;
    push(g);
}

static int means_quit(const char *text, size_t n)
{
    if (n > 0 && text[n - 1] == '\n') {
        n--;
        if (n > 0 && text[n - 1] == '\r')
            n--;
    }
    return n == 4 && memcmp(text, "quit", 4) == 0;
}

static void hear(struct guest *g)
{
    char text[64 + PIECE], when[TIME_LEN];
    int head = snprintf(text, 64, "[%s] %s ", clock_time(when), g->name);
    ssize_t n = recv(g->fd, text + head, PIECE, 0);

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n <= 0 || means_quit(text + head, n))
        g->gone = 1;
    else
        for (size_t i = 0; i < count; i++)
            tell(guests[i], text, head + n);
}

/* --- all guests --- */

/* Makes room for one more; -1 if there is none to be had. */
static int make_room(void)
{
    size_t bigger = 2 * room + 8;
    struct guest **g;
    struct pollfd *w;

    if (count < room)
        return 0;
    g = realloc(guests, bigger * sizeof *g);
    if (g == NULL)
        return -1;
    guests = g;
    w = realloc(watched, (2 + bigger) * sizeof *w);
    if (w == NULL)
        return -1;
    watched = w;
    room = bigger;
    return 0;
}

static void let_in(void)
{
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    int fd = accept(door, (struct sockaddr *)&from, &size);
    struct guest *g;

    if (fd == -1) {
        door_is_shut = errno == EMFILE || errno == ENFILE || errno == ENOMEM
                       || errno == ENOBUFS;
        return;
    }
    g = calloc(1, sizeof *g);
    if (g == NULL || make_room() == -1) {
        free(g);
        close(fd);
        return;
    }
    g->fd = fd;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    endpoint(g->name, &from);
    guests[count++] = g;
    say(g->name, g->name, " joined");
}

static void let_go(size_t i)
{
    struct guest *g = guests[i];

    guests[i] = guests[--count];
    say(g->name, g->name, " left");
    close(g->fd);
    free(g->pending);
    free(g);
    door_is_shut = 0;
}

/* --- the console --- */

static void obey(const char *line)
{
    if (strcmp(line, "quit") == 0) {
        running = 0;
        return;
    }
    printf("threads: 1\n");
    for (size_t i = 0; i < count; i++)
        printf("%s\n", guests[i]->name);
}

static void prompt(void)
{
    if (isatty(STDIN_FILENO))
        printf(">>> ");
    fflush(stdout);
}

static void type(void)
{
    static char line[512];
    static size_t have;
    char c = '\n';
    ssize_t n = read(keyboard, &c, 1); /* so poll() tells of the next one */

    if (n <= 0)
        keyboard = -1; /* the end of input is not quit */
    if (c != '\n' && have < sizeof line - 1) {
        line[have++] = c;
        return;
    }
    line[have] = '\0';
    if (n > 0 || have > 0)
        obey(line);
    have = 0;
    if (n > 0)
        prompt();
}

static void wait_for_events(void)
{
    watched[0].fd = keyboard;
    watched[1].fd = door_is_shut ? -1 : door;
    watched[0].events = watched[1].events = POLLIN;
    for (size_t i = 0; i < count; i++) {
        watched[2 + i].fd = guests[i]->fd;
        watched[2 + i].events = POLLIN;
        if (guests[i]->sent < guests[i]->end)
            watched[2 + i].events |= POLLOUT;
    }
    if (poll(watched, 2 + count, door_is_shut ? 1000 : -1) <= 0) {
        for (size_t i = 0; i < 2 + count; i++)
            watched[i].revents = 0;
        door_is_shut = 0;
    }
}

int main(int argc, char *argv[])
{
    signal(SIGPIPE, SIG_IGN);
    if (make_room() == -1)
        return 1;
    door = start(argc, argv);
    fcntl(door, F_SETFL, O_NONBLOCK);
    prompt();
    while (running) {
        wait_for_events();
        for (size_t i = 0; i < count; i++) {
            if (watched[2 + i].revents & POLLOUT)
                push(guests[i]);
            if (watched[2 + i].revents & (POLLIN | POLLHUP | POLLERR))
                hear(guests[i]);
        }
        if (watched[0].revents)
            type();
        for (size_t i = count; i > 0; i--)
            if (guests[i - 1]->gone)
                let_go(i - 1);
        if (watched[1].revents)
            let_in();
    }
    say("main", "stopping", "");
    while (count > 0)
        let_go(count - 1);
    free(guests);
    free(watched);
    close(door);
    return 0;
}
