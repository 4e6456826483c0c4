/* visitors.c: those whose hearing is not checked: they stall, come and go,
 * crash, or send a line that never ends. */
#define _POSIX_C_SOURCE 200809L
#include "load.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GUESTS = 64, SMALL = 4096 };

/* Whatever comes is thrown away. One who has been let go is let go. */
void discard(struct peer *p)
{
    static char buf[LINE_MAX];
    ssize_t n = recv(p->fd, buf, sizeof buf, MSG_DONTWAIT);

    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    unwatch(p);
    close(p->fd);
    p->fd = -1;
}

static int come(int number)
{
    int fd = dial(number);

    opt.protocol->enter(fd, opt.members + number);
    return fd;
}

/* A small buffer fills the sooner. */
static void never_read(int fd)
{
    int size = SMALL;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

/* They come in and never read. */
void add_stalled(void)
{
    for (int i = 0; i < opt.stalled; i++)
        never_read(come(i));
}

/* Whether the next of `rate` a second is due; counts it. */
static int due(int rate, uint64_t *next, uint64_t now)
{
    if (rate == 0 || now < *next)
        return 0;
    *next = (*next == 0 ? now : *next) + 1000000000u / (uint64_t)rate;
    return 1;
}

/* One takes the place of another: she leaves in good order, or crashes. */
static void replace(struct peer *guest, int crash, int number)
{
    struct linger now = {1, 0};

    if (guest->readable != NULL && guest->fd >= 0) {
        if (crash)
            setsockopt(guest->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        unwatch(guest);
        shutdown(guest->fd, crash ? SHUT_RD : SHUT_WR);
        close(guest->fd);
    }
    guest->fd = come(number);
    guest->readable = discard;
    watch(guest);
}

/* The one who has not read for the longest crashes, and another comes. */
static void replace_stalled(void)
{
    static int guests[GUESTS];
    static unsigned stalls;
    int *guest = &guests[stalls % GUESTS];

    if (stalls++ >= GUESTS)
        close(*guest); /* with bytes unread: a reset */
    *guest = come(3 * GUESTS + (int)stalls);
    never_read(*guest);
}

/* One byte of a line that has no end: the server wakes, and nothing is said.
 * An a, and no bracket, so that no head is seen in it. */
static void drip(void)
{
    static struct peer dripper;
    static int said;

    if (dripper.readable == NULL || dripper.fd < 0 || ++said == LINE_MAX / 2) {
        said = 0;
        replace(&dripper, 0, GUESTS * 2);
    }
    if (send(dripper.fd, "a", 1, MSG_DONTWAIT) < 0 && errno != EAGAIN)
        die("send", "the one who drips is let go");
}

/* What is due by now of all these. */
void visit(uint64_t now)
{
    static struct peer guests[2][GUESTS];
    static uint64_t next_visit, next_reset, next_stall, next_drip;
    static unsigned visits, resets;
    unsigned i;

    if (due(opt.visits, &next_visit, now)) {
        i = visits++ % GUESTS;
        replace(&guests[0][i], 0, 2 * (int)visits);
    }
    if (due(opt.resets, &next_reset, now)) {
        i = resets++ % GUESTS;
        replace(&guests[1][i], 1, 2 * (int)resets + 1);
    }
    if (due(opt.stalls, &next_stall, now))
        replace_stalled();
    if (due(opt.drips, &next_drip, now))
        drip();
}
