/* crowd: the verbs of many at once: they join, hear, chat and storm. */
#include "peer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Number i of the crowd, from 0. Only the first few are called by name
 * elsewhere, and to look for all the others would take long. */
static struct peer *member(int i)
{
    enum { KNOWN_BY_NAME = 600 };
    static struct peer *members[MAX_PEERS];
    struct peer **p = &members[i];
    char name[32];

    if (*p == NULL) {
        snprintf(name, sizeof name, "crowd%d", i);
        *p = i < KNOWN_BY_NAME ? find(name) : new_peer(name);
    }
    return *p;
}

/* Each of the first n turns to one of these servers, in turn. */
static void turn_to(int n, char **servers)
{
    int many = 0;

    while (servers[many] != NULL)
        many++;
    for (int i = 0; i < n; i++)
        member(i)->server =
            many > 0 ? find_program(servers[i % many]) : &stage.server;
}

/* joins N [silently] [SERVER...]: few at a time, so that no backlog overflows;
 * one after another, unless they are very many. Who is silent does not listen
 * either. */
void crowd_joins(int n, char **arg)
{
    int step = n > 600 ? 20 : 1;
    int silent = arg[1] != NULL && strcmp(arg[1], "silently") == 0;

    turn_to(n, arg + 1 + silent);
    for (int i = 0; i < n; i += step) {
        int end = i + step < n ? i + step : n;

        for (int j = i; j < end; j++)
            if (do_knock(member(j), 0) < 0)
                return;
        for (int j = i; j < end; j++) {
            if (wait_for_join(member(j)) != 1)
                return;
            member(j)->deaf = silent;
        }
    }
    reply("ok");
}

/* Shows where what two have heard differs, from the line's beginning on. */
static void fail_disagreeing(const struct peer *p, const struct peer *q)
{
    const struct bytes *a = &p->heard, *b = &q->heard;
    size_t same = 0, line = 0;
    struct bytes report = {0};

    while (same < a->len && same < b->len && a->p[same] == b->p[same])
        if (a->p[same++] == '\n')
            line = same;
    addf(&report, "expected: the same, in the same order\n");
    addf(&report, "%s heard: ", p->name);
    escape(&report, a->p + line, a->len - line, same - line);
    addf(&report, "\n%s heard: ", q->name);
    escape(&report, b->p + line, b->len - line, same - line);
    addf(&report, "\n(from the first line on that differs)\n");
    fail_showing("bytes", &report);
}

/* The first of n whose words are not those of number 0; -1: all have heard the
 * same. */
static int who_disagrees(int n)
{
    const struct bytes *first = &member(0)->heard, *b;

    for (int i = 1; i < n; i++) {
        b = &member(i)->heard;
        if (b->len != first->len || memcmp(b->p, first->p, b->len) != 0)
            return i;
    }
    return -1;
}

static int all_agree(void *n)
{
    return member(0)->heard.len > 0 && who_disagrees(*(int *)n) < 0;
}

/* agrees N: all have heard something, and the same, in one order */
void crowd_agrees(int n, char **arg)
{
    int other;

    (void)arg;
    if (until(all_agree, &n) == 1) {
        reply("ok");
        return;
    }
    other = who_disagrees(n);
    if (other < 0)
        fail("timeout", "nobody in the crowd has heard anything");
    else
        fail_disagreeing(member(0), member(other));
}

/* hears N BYTES FROM: each of them */
void crowd_hears(int n, char **arg)
{
    struct peer *from = named(arg[2]);

    for (int i = 0; from != NULL && i < n; i++)
        if (!hear_one(member(i), from, arg[1], 1))
            return;
    if (from != NULL)
        reply("ok");
}

/* greets N: one after another says "I am NAME" and hears that of herself */
void crowd_greets(int n, char **arg)
{
    char text[64];

    (void)arg;
    for (int i = 0; i < n; i++) {
        struct peer *p = member(i);
        struct hearing h = {.heard = &p->heard, .done = &p->done, .peer = p};
        int r;

        snprintf(text, sizeof text, "I am %s\n", p->name);
        send_some(p, text, strlen(text));
        add(&h.want.text, text, strlen(text));
        r = until(has_found, &h);
        forget(&h.want.text);
        if (r != 1) {
            fail(r == 0 ? "timeout" : why_closed(p->server),
                 "%s said \"I am %s\" and heard no answer", p->name, p->name);
            return;
        }
    }
    reply("ok");
}

/* vanishes N: all close, whatever there may be to read */
void crowd_vanishes(int n, char **arg)
{
    (void)arg;
    for (int i = 0; i < n; i++)
        hang_up(member(i));
    reply("ok");
}

/* comes-and-goes N: N times one joins and leaves */
void crowd_comes_and_goes(int n, char **arg)
{
    struct peer *p = member(0);
    int r;

    (void)arg;
    for (int i = 0; i < n; i++) {
        if (do_join(p, 0) < 0)
            return;
        shutdown(p->fd, SHUT_WR);
        r = until(has_left, p);
        hang_up(p);
        if (r != 1) {
            fail(r == 0 ? "timeout" : why_closed(p->server),
                 "the log never said \"%s left\"", p->addr);
            return;
        }
    }
    reply("ok");
}

/* Knocks until the server accepts no more: N joined, the next N wait. */
void crowd_fills(int n, char **arg)
{
    (void)arg;
    for (int i = 0; i < n; i++)
        if (do_knock(member(i), 0) < 0)
            return;
    reply("ok");
}

/* One who chats has a script, and sends it in pieces. */
struct script {
    struct bytes text;
    size_t sent;
};

/* Lines of all lengths; the last is a long one. */
static void write_script(struct script *s, int who, int lines)
{
    for (int i = 0; i < lines; i++) {
        int len = i == lines - 1 ? 20000
                  : rand() % 3   ? rand() % 80
                                 : rand() % 3000;

        addf(&s->text, "line %d of crowd%d ", i, who);
        while (len-- > 0)
            add(&s->text, &"abcdefghijklmnopqrstuvwxyz"[len % 26], 1);
        add(&s->text, "\n", 1);
    }
}

/* Sends a piece of the script, as chance has it; 0 if nothing is left, or if
 * she has been let go: then she will be missed when all are to be heard. */
static int send_piece(struct peer *p, struct script *s)
{
    size_t left = s->text.len - s->sent;
    size_t n = 1 + (rand() % 2 ? rand() % 30 : rand() % 4000);
    ssize_t r;

    if (left == 0 || p->ended)
        return 0;
    r = send_as(p, s->text.p + s->sent, n < left ? n : left);
    if (r > 0)
        s->sent += r;
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return 0;
    pump(rand() % 8 == 0, 0, -1);
    return 1;
}

struct chat {
    struct peer *peer;
    struct script *scripts; /* sent: how much of it she has heard */
    int n;
};

static int all_heard(const struct chat *c)
{
    for (int i = 0; i < c->n; i++)
        if (c->scripts[i].sent < c->scripts[i].text.len)
            return 0;
    return 1;
}

/* Whose line begins at p? -1: nobody's. */
static int whose_line(const struct chat *c, const char *p, size_t n, int *head)
{
    for (int i = 0; i < c->n; i++) {
        *head = head_at(member(i), p, n);
        if (*head > 0)
            return i;
    }
    return -1;
}

/* 1: every line of everyone, whole, once and in order; 0: not yet; -1: else. */
static int has_heard_chat(void *arg)
{
    struct chat *c = arg;
    struct bytes *b = &c->peer->heard;
    const char *end;

    while (c->peer->done < b->len
           && (end = memchr(b->p + c->peer->done, '\n', b->len - c->peer->done))
                  != NULL) {
        const char *line = b->p + c->peer->done;
        size_t len = end + 1 - line;
        int head, i = whose_line(c, line, len, &head);
        struct script *s = i < 0 ? NULL : &c->scripts[i];

        if (s == NULL || s->text.len - s->sent < len - head
            || memcmp(s->text.p + s->sent, line + head, len - head) != 0
            || (s->sent > 0 && s->text.p[s->sent - 1] != '\n'))
            return -1;
        s->sent += len - head;
        c->peer->done += len;
    }
    if (all_heard(c))
        return 1;
    return c->peer->ended || !c->peer->server->child.alive ? -1 : 0;
}

/* Appends what is due where these n bytes were heard: the next line of the one
 * whose head they begin with. How many of them are right; 0 if none is due. */
static size_t tell_due(struct bytes *report, const struct chat *c,
                       const char *p, size_t n)
{
    struct bytes due = {0};
    int head, i = whose_line(c, p, n, &head);
    struct script *s = i < 0 ? NULL : &c->scripts[i];
    size_t same = 0;

    if (s == NULL || s->sent == s->text.len) {
        addf(report, "lines, each whole, once, in order, after a head");
        return 0;
    }
    add(&due, p, head);
    add(&due, s->text.p + s->sent, strcspn(s->text.p + s->sent, "\n") + 1);
    while (same < n && same < due.len && p[same] == due.p[same])
        same++;
    escape(report, due.p, due.len, same);
    forget(&due);
    return same;
}

/* Shows where the first bad line is bad. */
static void fail_chat(const struct chat *c)
{
    const struct bytes *b = &c->peer->heard;
    const char *line = b->p + c->peer->done;
    size_t n = b->len - c->peer->done, same;
    struct bytes report = {0};

    addf(&report, "expected: ");
    same = tell_due(&report, c, line, n);
    addf(&report, "\nseen:     ");
    escape(&report, line, n, same);
    if (same > 0)
        addf(&report, "\nThey differ from byte %lu on.", (unsigned long)same);
    addf(&report, "\n(what %s heard, from the first bad line on)\n",
         c->peer->name);
    fail_showing("bytes", &report);
}

/* 1 if she hears all that is in the scripts. */
static int hears_chat(struct peer *p, struct script *scripts, int n)
{
    struct chat c = {p, scripts, n};
    int r;

    for (int i = 0; i < n; i++)
        scripts[i].sent = 0;
    r = until(has_heard_chat, &c);
    if (r == 1)
        return 1;
    if (r == 0 || p->ended || !p->server->child.alive) {
        fail(r == 0 ? "timeout" : why_closed(p->server),
             "%s did not hear all that was said", p->name);
        return 0;
    }
    fail_chat(&c);
    return 0;
}

/* Do the servers of the first n live? */
static int all_served(int n)
{
    for (int i = 0; i < n; i++)
        if (has_died(member(i)->server))
            return 0;
    return 1;
}

/* chats N LINES SEED: all at once, each line in pieces as chance has it; then
 * everyone must have heard each line whole, once and in order. */
void crowd_chats(int n, char **arg)
{
    struct script *scripts = calloc(n, sizeof *scripts);
    long end = now_ms() + 2L * stage.deadline_ms; /* one who does not listen */
    int busy = 1, ok = 1;

    srand(atoi(arg[2]));
    for (int i = 0; scripts != NULL && i < n; i++)
        write_script(&scripts[i], i, atoi(arg[1]));
    while (busy && all_served(n) && now_ms() < end && !nobody_asks()) {
        busy = 0;
        for (int i = rand() % n, j = 0; j < n; j++)
            busy |= send_piece(member((i + j) % n), &scripts[(i + j) % n]);
    }
    for (int i = 0; ok && i < n; i++)
        ok = hears_chat(member(i), scripts, n);
    for (int i = 0; i < n; i++)
        forget(&scripts[i].text);
    free(scripts);
    if (ok)
        reply("ok");
}

/* One of a storm's people does something; dice says what, in a wild or an
 * orderly storm. Who has half-closed says no more, and reads to the end. */
static void act(struct peer *p, int wild, int orderly, int dice)
{
    if (p->fd >= 0 && p->ended)
        hang_up(p);
    if (p->fd < 0) {
        p->leaving = 0;
        knock(p, "127.0.0.1", 0);
    } else if (p->leaving && orderly) {
        pump(1, 0, -1);
    } else if (wild && dice == 0) {
        reset(p);
    } else if ((wild || orderly) && dice == 1) {
        shutdown(p->fd, SHUT_WR);
        p->leaving = 1;
    } else if (send_as(p, "blah\n", 5) < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            hang_up(p);
    }
}

/* storms ROUNDS PEOPLE SEED KIND: many join and talk at once; if KIND is
 * "orderly" they leave, too; if it is "wild", they leave without reading to the
 * end, and crash. Bounded in rounds and in people. */
void crowd_storms(int rounds, char **arg)
{
    int people = atoi(arg[1]);
    int wild = strcmp(arg[3], "wild") == 0;
    int orderly = strcmp(arg[3], "orderly") == 0;

    if (people < 1 || people > MAX_PEERS) {
        fail("harness", "a storm is of 1 to %d people", MAX_PEERS);
        return;
    }
    srand(atoi(arg[2]));
    for (int i = 0; i < rounds && stage.server.child.alive; i++) {
        act(member(rand() % people), wild, orderly, rand() % 10);
        if (i % 8 == 0)
            pump(1, 0, -1);
    }
    pump(0, 0, -1);
    if (stage.server.child.alive)
        reply("ok");
    else
        fail(why_closed(&stage.server), "the server died in the storm (%s)",
             ending(&stage.server));
}
