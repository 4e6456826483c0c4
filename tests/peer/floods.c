/* floods: megabytes that one person says, and those who hear them all. */
#include "peer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLOOD_LINE = 1000 }; /* the length of a flood's line */

/* The lines of a flood are numbered, and no two that come near are alike. */
static const char *flood_line(size_t number)
{
    static char text[FLOOD_LINE + 1];
    static size_t made = (size_t)-1;

    if (number == made)
        return text;
    made = number;
    snprintf(text, sizeof text, "%08lu", (unsigned long)number);
    for (size_t i = 8; i < FLOOD_LINE - 1; i++)
        text[i] = 'a' + (number + i) % 26;
    text[FLOOD_LINE - 1] = '\n';
    return text;
}

/* Who floods and listens does not run ahead of her own words by more than the
 * sockets of a listener hold: or one who reads might look slow, when we and not
 * she are kept from reading. */
#ifdef __linux__
enum { AHEAD_MAX = 2 << 20 };
#else
enum { AHEAD_MAX = 1 << 17 };
#endif

static int may_say_more(const struct peer *p, size_t heard, size_t sent)
{
    return p == NULL || p->deaf || p->ended
           || sent < p->total - heard + AHEAD_MAX;
}

/* Writes such lines, or a line without end, until the program takes no more
 * and rests, or most bytes are out. How many bytes went out. The program is a
 * server and p who floods it, or p is NULL. */
static size_t flood(const struct prog *g, int fd, struct peer *p, size_t most,
                    int endless)
{
    enum { LINES = 16 };
    char text[LINES * FLOOD_LINE];
    size_t sent = 0, from = p ? p->flooded : 0, heard = p ? p->total : 0;
    size_t at, len;
    int looks = 0;
    ssize_t n;

    memset(text, 'x', sizeof text);
    while (sent < most && looks < 5 && g->child.alive) {
        at = (from + sent) % FLOOD_LINE;
        for (size_t i = 0; i < LINES && !endless; i++)
            memcpy(text + i * FLOOD_LINE,
                   flood_line((from + sent) / FLOOD_LINE + i), FLOOD_LINE);
        len = sizeof text - at < most - sent ? sizeof text - at : most - sent;
        errno = EAGAIN;
        n = -1;
        if (may_say_more(p, heard, sent))
            n = p ? send_as(p, text + at, len) : write(fd, text + at, len);
        if (n > 0) {
            sent += n;
            looks = 0;
            pump(0, 0, -1); /* whoever reads does not fall behind */
        } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
            break;
        } else {
            size_t before = p ? p->total : 0;

            pump(20, 0, may_say_more(p, heard, sent) ? fd : -1);
            looks = is_stuck(g) && (p == NULL || p->total == before) ? looks + 1
                                                                     : 0;
        }
    }
    return sent;
}

static size_t amount(char **arg)
{
    size_t n = (size_t)atoi(arg[0]) << (arg[1] && arg[1][0] == 'k' ? 10 : 20);

    return n - n % FLOOD_LINE; /* whole lines */
}

/* floods N [kilobytes]: says so many megabytes, if the server takes them
 * -> ok BYTES */
void floods(struct peer *p, char **arg)
{
    size_t sent = flood(p->server, p->fd, p, amount(arg), 0);

    p->flooded += sent;
    reply("ok %lu", (unsigned long)sent);
}

/* talks-without-end: a megabyte with no newline in it, if the server takes it
 */
void talks_without_end(struct peer *p, char **arg)
{
    (void)arg;
    flood(p->server, p->fd, NULL, 1 << 20, 1);
    reply("ok");
}

/* floods N: at its stdin, N megabytes, if it takes them -> ok BYTES */
void program_floods(struct prog *g, char **arg)
{
    reply("ok %lu", (unsigned long)flood(g, g->child.in, NULL, amount(arg), 0));
}

/* How much of a flood she has heard, behind done; if the next byte is wrong, it
 * is the one at `at`. */
struct drinking {
    struct peer *peer, *from;
    size_t at, drunk;
    int wrong;
};

/* Of a whole flood, the byte at that place. */
static char flood_byte(size_t at)
{
    return flood_line(at / FLOOD_LINE)[at % FLOOD_LINE];
}

/* Where a line is a message it has a head, and else there is none. */
static int head_may_be_here(const struct drinking *d)
{
    return strcmp(getenv("PEER_ANSWER"), "stamped-lines") != 0
           || d->drunk % FLOOD_LINE == 0;
}

/* 1: all of it; 0: not yet; -1: something else, or never. */
static int has_drunk(void *arg)
{
    struct drinking *d = arg;
    const struct bytes *b = &d->peer->heard;
    size_t head = (size_t)-1; /* none behind another */

    while (d->drunk < d->from->flooded && d->at < b->len) {
        int r = 0;

        if (b->p[d->at] == '[' && d->at != head) {
            r = head_at(d->from, b->p + d->at, b->len - d->at);
            if (r < 0)
                break;
            d->wrong = r == 0 || !head_may_be_here(d);
        } else {
            d->wrong = b->p[d->at] != flood_byte(d->drunk);
        }
        if (d->wrong)
            return -1;
        if (r > 0) {
            head = d->at += r;
        } else {
            d->at++;
            d->drunk++;
        }
    }
    if (d->drunk == d->from->flooded)
        return 1;
    return d->peer->ended || !d->peer->server->child.alive ? -1 : 0;
}

/* Each line of a flood begins with its number, of NUMBER digits: is it one that
 * came before, or is one left out? */
static void tell_line(struct bytes *report, const struct drinking *d)
{
    enum { NUMBER = 8 };
    size_t place = d->drunk % FLOOD_LINE, begin = d->at - place;
    long want = d->drunk / FLOOD_LINE, seen;
    char digits[NUMBER + 1];

    if (place >= NUMBER || begin + NUMBER > d->peer->heard.len)
        return;
    snprintf(digits, sizeof digits, "%.8s", d->peer->heard.p + begin);
    seen = atol(digits);
    if (strspn(digits, "0123456789") != NUMBER)
        return;
    if (seen < want)
        addf(report, "Line %ld was heard before, and comes again.\n", seen);
    else
        addf(report, "Line %ld comes too early: %ld are left out.\n", seen,
             seen - want);
}

/* Shows what is around a place in len bytes: those of b, or of the flood if b
 * is NULL. */
static void tell_around(struct bytes *report, const struct bytes *b,
                        size_t place, size_t len)
{
    enum { BEFORE = 60, BEHIND = 140 };
    size_t from = place > BEFORE ? place - BEFORE : 0;
    struct bytes shown = {0};
    char c;

    for (size_t i = from; i < len && i < place + BEHIND; i++) {
        c = b != NULL ? b->p[i] : flood_byte(i);
        add(&shown, &c, 1);
    }
    if (from > 0)
        addf(report, "... ");
    escape(report, shown.p, shown.len, place - from);
    forget(&shown);
}

static void fail_drinking(struct drinking *d, int r)
{
    struct bytes report = {0};

    if (!d->wrong) {
        fail(r == 0 ? "timeout" : why_closed(d->peer->server),
             "%s heard %lu bytes of the %lu that %s said", d->peer->name,
             (unsigned long)d->drunk, (unsigned long)d->from->flooded,
             d->from->name);
        return;
    }
    addf(&report, "%s hears %lu bytes of what %s said, and then other bytes; ",
         d->peer->name, (unsigned long)d->drunk, d->from->name);
    addf(&report, "the place:\nexpected: ");
    tell_around(&report, NULL, d->drunk, d->from->flooded);
    addf(&report, "\nseen:     ");
    tell_around(&report, &d->peer->heard, d->at, d->peer->heard.len);
    addf(&report, "\n");
    tell_line(&report, d);
    fail_showing("bytes", &report);
}

/* drinks FROM [or-is-let-go]: hears all that FROM has flooded, next, and every
 * byte of it in its place -> ok; or the right bytes, and then the end */
void drinks(struct peer *p, char **arg)
{
    struct drinking d = {.peer = p, .from = named(arg[0]), .at = p->done};
    size_t before;
    int r;

    if (d.from == NULL)
        return;
    do { /* As long as words come, she is not waiting in vain. */
        before = p->heard.len;
        r = until(has_drunk, &d);
    } while (r == 0 && p->heard.len > before);
    p->done = d.at;
    if (r == 1 || (r < 0 && !d.wrong && arg[1] && p->server->child.alive))
        reply("ok");
    else
        fail_drinking(&d, r);
}
