/* hearing: what a rung answers to a message, and whether it was heard. */
#include "peer.h"
#include <stdlib.h>
#include <string.h>

enum { MORE_MS = 200 };

static void put(struct pattern *e, const char *p, size_t n, char like)
{
    add(&e->text, p, n);
    for (size_t i = 0; i < n; i++)
        add(&e->like, p[i] >= '0' && p[i] <= '9' ? &like : "=", 1);
}

/* Where a line is a message, a message ends with a newline. */
void end_line(struct bytes *msg)
{
    const char *style = getenv("PEER_ANSWER");

    if (style != NULL && strcmp(style, "stamped-lines") == 0
        && (msg->len == 0 || msg->p[msg->len - 1] != '\n'))
        add(msg, "\n", 1);
}

/* What is heard of msg when from said it; no from: just these bytes. */
static void expect(struct pattern *e, const struct peer *from,
                   struct bytes *msg)
{
    const char *style = getenv("PEER_ANSWER");

    if (from != NULL && strcmp(style, "echo") == 0)
        put(e, "Your msg = ", 11, '=');
    if (from != NULL && strncmp(style, "stamp", 5) == 0) {
        put(e, "[0000-00-00 00:00:00] ", 22, 'd');
        put(e, from->addr, strlen(from->addr), '=');
        put(e, " ", 1, '=');
    }
    if (from != NULL)
        end_line(msg);
    put(e, msg->p, msg->len, '=');
    if (from != NULL && strcmp(style, "lines") == 0)
        put(e, "###", 3, '=');
}

/* How many of the bytes are as expected, from the one at `at` on. */
size_t agree(const struct pattern *e, size_t at, const char *p, size_t n)
{
    size_t i = 0;

    while (i < n && at + i < e->text.len
           && (p[i] == e->text.p[at + i]
               || (e->like.p[at + i] == 'd' && p[i] >= '0' && p[i] <= '9')))
        i++;
    return i;
}

/* Is there a head of from's at p? Its length; 0: no; -1: too little to say. */
int head_at(const struct peer *from, const char *p, size_t n)
{
    struct pattern head = {{0}, {0}};
    struct bytes nothing = {0};
    size_t same, len;

    if (n > 0 && *p != '[')
        return 0;
    add(&nothing, "\n", 1); /* a whole line, that none is added */
    expect(&head, from, &nothing);
    len = head.text.len - 1;
    same = agree(&head, 0, p, n < len ? n : len);
    forget(&head.text);
    forget(&head.like);
    forget(&nothing);
    return same == len ? (int)len : same == n ? -1 : 0;
}

/* 1: heard it; 0: not all of it yet; -1: something else, or never. */
static int has_heard(void *arg)
{
    struct hearing *h = arg;
    size_t n = h->heard->len - *h->done;
    size_t same = agree(&h->want, 0, h->heard->p + *h->done, n);

    if (same == h->want.text.len) {
        *h->done += same;
        return 1;
    }
    if (same < n || h->peer->ended || h->peer->fd < 0)
        return -1;
    return has_died(h->peer->server) ? -1 : 0;
}

/* What is wrong may have come in part: more of it says more. */
static void hear_more(const struct hearing *h)
{
    long end = now_ms() + MORE_MS;

    while (now_ms() < end && !h->peer->ended)
        pump(end - now_ms(), 0, -1);
}

static void fail_hearing(struct hearing *h, int r)
{
    struct bytes report = {0}, difference = {0};
    const char *class = "bytes", *seen;
    size_t n = h->heard->len - *h->done, same;

    same = n > 0 ? agree(&h->want, 0, h->heard->p + *h->done, n) : 0;
    if (same == n)
        class = r == 0 ? "timeout" : why_closed(h->peer->server);
    else
        hear_more(h);
    tell_difference(&difference, h);
    seen = h->heard->p ? h->heard->p + *h->done : "";
    for (size_t i = 0; i < h->want.like.len; i++)
        if (h->want.like.p[i] == 'd')
            h->want.text.p[i] = "YYYY-mm-dd HH:MM:SS"[i - 1];
    addf(&report, "expected: ");
    escape(&report, h->want.text.p, h->want.text.len, same);
    addf(&report, "\nseen:     ");
    escape(&report, seen, h->heard->len - *h->done, same);
    addf(&report, "\n");
    if (same == n && r == 0)
        addf(&report, "and then nothing for %d s.\n", stage.waited_ms / 1000);
    else if (same == n)
        addf(&report, "and then the connection was over%s%s.\n",
             h->peer->err ? ": " : "",
             h->peer->err ? strerror(h->peer->err) : "");
    add(&report, difference.p ? difference.p : "", difference.len);
    forget(&difference);
    fail_showing(class, &report);
}

/* "ok", and what has been heard since then, as a person can read it. */
void reply_heard(const struct bytes *b, size_t since, size_t done)
{
    struct bytes text = {0};

    escape(&text, b->p + since, done - since, 0);
    reply("ok %s", text.p);
    forget(&text);
}

/* Hears what is wanted, or says why not. 1 when it was heard. */
static int hear(struct hearing *h)
{
    static int once;
    int r = until_once("PEER_ANSWER_DEADLINE", &once, has_heard, h);

    if (r != 1)
        fail_hearing(h, r);
    forget(&h->want.text);
    forget(&h->want.like);
    return r == 1;
}

/* p hears text, so many times over, as from says it in this rung, or just these
 * bytes if from is NULL. 1, or 0 after an answer that says why not. */
int hear_one(struct peer *p, struct peer *from, const char *text, int times)
{
    struct hearing h = {.heard = &p->heard, .done = &p->done, .peer = p};
    struct bytes one = {0}, msg = {0};
    int ok;

    unescape(&one, text);
    while (times-- > 0)
        add(&msg, one.p, one.len);
    expect(&h.want, from, &msg);
    ok = hear(&h);
    forget(&one);
    forget(&msg);
    return ok;
}

struct either {
    struct hearing *wanted, *other;
};

/* 1: heard what is wanted; -1: the other, or never; 0: not all of either. */
static int has_heard_either(void *arg)
{
    struct either *e = arg;
    int r = has_heard(e->wanted), other;

    if (r == 1)
        return 1;
    other = has_heard(e->other);
    return r == -1 && other != 0 ? -1 : 0;
}

/* p hears text as from says it, and not at once what from says after it. 1, or
 * 0 after an answer that says why not. */
int hear_first(struct peer *p, struct peer *from, const char *text,
               const char *other)
{
    size_t here = p->done, there = p->done;
    struct hearing h = {.heard = &p->heard, .done = &here, .peer = p};
    struct hearing o = {.heard = &p->heard, .done = &there, .peer = p};
    struct either either = {&h, &o};
    struct bytes one = {0}, two = {0};
    int r;

    unescape(&one, text);
    unescape(&two, other);
    expect(&h.want, from, &one);
    expect(&o.want, from, &two);
    r = until(has_heard_either, &either);
    if (r == 1)
        p->done = here;
    else if (there > p->done)
        fail("lost", "expected: \"%s\", and then \"%s\"\nseen:     \"%s\"",
             text, other, other);
    else
        fail_hearing(&h, r);
    forget(&one);
    forget(&two);
    return r == 1;
}

/* For until(): the words, whatever comes before them. */
int has_found(void *arg)
{
    struct hearing *h = arg;

    if (skip_past(h->heard, h->done, &h->want.text))
        return 1;
    /* What has been searched in vain need not be searched again. */
    if (h->heard->len >= *h->done + h->want.text.len)
        *h->done = h->heard->len - h->want.text.len + 1;
    return h->peer->server->child.alive && !h->peer->ended ? 0 : -1;
}
