/* deeds: the verbs of one person: joins, says, hears, leaves, crashes. */
#include "peer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { REST_MS = 2000 }; /* so long what may never rest is waited for */

/* Does its ready line name an address with colons in it? */
static int listens_on_ipv6(const struct prog *server)
{
    const char *ready = server->err.p, *colon;
    char addr[64];

    ready = ready != NULL ? strstr(ready, "listening on ") : NULL;
    if (ready == NULL || sscanf(ready, "listening on %63[^ \n]", addr) != 1)
        return 0;
    colon = strchr(addr, ':');
    return colon != NULL && colon != strrchr(addr, ':');
}

/* She was refused: does somebody listen on the port with its bytes swapped, or
 * for IPv6 only? */
static void fail_refused(struct peer *p, int err)
{
    const char *class = why_closed(p->server);
    int told = p->server->port, swapped = told / 256 + told % 256 * 256;
    struct bytes report = {0};

    addf(&report, "%s could not connect to port %d: %s\n", p->name, told,
         strerror(err));
    p->server->port = swapped;
    if (strcmp(class, "closed") == 0) {
        class = "refused";
        if (knock(p, "127.0.0.1", 0) == 0)
            addf(&report,
                 "The server listens on %d, which is %d with its two bytes "
                 "swapped (ntohs).\n",
                 swapped, told);
        else if (listens_on_ipv6(p->server))
            addf(&report,
                 "It listens on an IPv6 address, and %s speaks "
                 "IPv4, as the servers must.\n",
                 p->name);
    }
    p->server->port = told;
    fail_showing(class, &report);
}

/* Connects p. 0, or -1 after an answer that says why not. */
int do_knock(struct peer *p, int rcvbuf)
{
    int err;

    if (knock(p, "127.0.0.1", rcvbuf) == 0)
        return 0;
    err = errno;
    if (err == ECONNREFUSED || err == ECONNRESET)
        fail_refused(p, err);
    else if (err == ETIMEDOUT)
        fail("timeout",
             "%s could not connect: the queue is full (the backlog of "
             "listen(2)?), and the server takes nobody out of it",
             p->name);
    else
        fail("harness", "%s could not connect: %s", p->name, strerror(err));
    return -1;
}

/* Turns p to the server that stands behind the buffer's size, if one does; else
 * to the one that has no other name. */
static void turn_to(struct peer *p, char **arg)
{
    p->server = find_program(arg[0] && arg[1] ? arg[1] : "server");
}

/* knocks [RCVBUF [SERVER]]: connects, and waits for nothing */
void knocks(struct peer *p, char **arg)
{
    turn_to(p, arg);
    stage.asked = p->server;
    if (do_knock(p, arg[0] ? atoi(arg[0]) : 0) == 0)
        reply("ok %s", p->addr);
}

/* What the log says of somebody who joined since p came, if it is not p, or if
 * it is p by another name. */
static void tell_joined(struct bytes *report, const struct peer *p)
{
    const char *log = p->server->err.p ? p->server->err.p + p->since : "";
    const char *word = strstr(log, " joined"), *from = word;
    char address[64];
    struct peer *who;

    while (from != NULL && from > log && from[-1] != ' ' && from[-1] != '\n')
        from--;
    if (word == NULL || word - from >= (int)sizeof address
        || memchr(from, ':', word - from) == NULL)
        return;
    snprintf(address, sizeof address, "%.*s", (int)(word - from), from);
    who = peer_at(atoi(strrchr(address, ':') + 1));
    if (who == p && strcmp(address, p->addr) != 0) {
        *strrchr(address, ':') = '\0';
        addf(report,
             "There is a line with this port, but with \"%s\" in place "
             "of the IP.\n",
             address);
    }
    if (who != NULL)
        return; /* herself, or somebody else who came, too */
    addf(report, "It says \"%s joined\": that address is ", address);
    tell_port(report, address, p->addr);
    addf(report, ".\n");
}

/* 1 when the log has it that p joined; else 0 or -1, after an answer. */
int wait_for_join(struct peer *p)
{
    static int once;
    struct bytes report = {0};
    int r = until_once("PEER_JOIN_DEADLINE", &once, has_joined, p);

    if (r == 1)
        return r;
    addf(&report, "no line \"%s joined\" on its stderr", p->addr);
    if (r == 0)
        addf(&report, " for %d s", stage.waited_ms / 1000);
    addf(&report, "\n");
    tell_joined(&report, p);
    fail_showing(r == 0 ? "timeout" : why_closed(p->server), &report);
    return r;
}

/* Both. 0, or -1 after an answer. */
int do_join(struct peer *p, int rcvbuf)
{
    return do_knock(p, rcvbuf) == 0 && wait_for_join(p) == 1 ? 0 : -1;
}

/* joins [RCVBUF [SERVER]]: connects, and the log says so -> ok ADDR */
void joins(struct peer *p, char **arg)
{
    turn_to(p, arg);
    stage.asked = p->server;
    if (do_join(p, arg[0] ? atoi(arg[0]) : 0) == 0)
        reply("ok %s", p->addr);
}

/* reaches IP: fails if she can connect there */
void reaches(struct peer *p, char **arg)
{
    if (knock(p, arg[0], 0) == 0)
        reply("ok yes");
    else
        reply("ok no");
}

/* Sends BYTES, TIMES over. */
static void say(struct peer *p, char **arg, int whole)
{
    struct bytes one = {0}, all = {0};
    size_t sent;

    unescape(&one, arg[0]);
    for (int i = arg[1] ? atoi(arg[1]) : 1; i > 0; i--)
        add(&all, one.p, one.len);
    if (whole)
        end_line(&all);
    p->said = time(NULL);
    sent = send_some(p, all.p, all.len);
    if (sent == all.len)
        reply("ok");
    else
        fail(p->server->child.alive && p->err == 0 && !p->ended
                 ? "timeout"
                 : why_closed(p->server),
             "%s could send %lu bytes of %lu, then the server took no more",
             p->name, (unsigned long)sent, (unsigned long)all.len);
    forget(&one);
    forget(&all);
}

/* says BYTES [TIMES]: a message */
void says(struct peer *p, char **arg)
{
    say(p, arg, 1);
}

/* sends BYTES [TIMES]: these, and no newline behind them */
void sends(struct peer *p, char **arg)
{
    say(p, arg, 0);
}

/* says-slowly BYTES: a message, a packet a byte */
void says_slowly(struct peer *p, char **arg)
{
    struct bytes b = {0};
    size_t i;

    unescape(&b, arg[0]);
    end_line(&b);
    for (i = 0; i < b.len && send_some(p, b.p + i, 1) == 1; i++)
        pump(1, 0, -1);
    if (i == b.len)
        reply("ok");
    else
        fail(why_closed(p->server), "%s could send %lu bytes of %lu", p->name,
             (unsigned long)i, (unsigned long)b.len);
    forget(&b);
}

/* hears BYTES [FROM [TIMES]]: these are the next bytes, as FROM's message
 * comes out of this rung; FROM is "-": just these bytes */
void hears(struct peer *p, char **arg)
{
    struct peer *from = p;
    size_t since = p->done;

    if (arg[1] != NULL && strcmp(arg[1], "-") == 0)
        from = NULL;
    else if (arg[1] != NULL && (from = named(arg[1])) == NULL)
        return;
    if (hear_one(p, from, arg[0], arg[1] && arg[2] ? atoi(arg[2]) : 1))
        reply_heard(&p->heard, since, p->done);
}

/* hears-before BYTES FROM OTHER: OTHER, FROM's too, is what comes behind them;
 * if it comes first, they are lost */
void hears_before(struct peer *p, char **arg)
{
    struct peer *from = named(arg[1]);
    size_t since = p->done;

    if (from != NULL && hear_first(p, from, arg[0], arg[2]))
        reply_heard(&p->heard, since, p->done);
}

struct resting {
    struct peer *peer;
    struct rest rest;
};

/* A server at rest has sent all that it will; where nothing tells that, what
 * has come must do. */
static int hears_more_or_rests(void *arg)
{
    struct resting *s = arg;
    const struct peer *p = s->peer;
    int asleep;

    return p->heard.len > p->done || p->ended || !p->server->child.alive
           || rests(&s->rest) || count_threads(p->server, &asleep) == 0;
}

/* hears-exactly BYTES [TIMES]: these, and no more behind them */
void hears_exactly(struct peer *p, char **arg)
{
    struct resting s = {p, {.prog = p->server}};
    struct bytes report = {0};
    size_t since = p->done, more;
    int saved = stage.deadline_ms;

    if (!hear_one(p, NULL, arg[0], arg[1] ? atoi(arg[1]) : 1))
        return;
    if (saved > REST_MS)
        stage.deadline_ms = REST_MS;
    until_every(10, hears_more_or_rests, &s);
    stage.deadline_ms = saved;
    more = p->heard.len - p->done;
    if (more == 0) {
        reply_heard(&p->heard, since, p->done);
        return;
    }
    addf(&report, "expected: ");
    escape(&report, p->heard.p + since, p->done - since, p->done - since);
    addf(&report, "\nseen:     ");
    escape(&report, p->heard.p + since, p->heard.len - since, p->done - since);
    addf(&report, "\n%lu byte%s more than due came behind it.\n",
         (unsigned long)more, more > 1 ? "s" : "");
    fail_showing("bytes", &report);
}

/* hears-at-last BYTES: they come, whatever comes before them */
void hears_at_last(struct peer *p, char **arg)
{
    struct hearing h = {.heard = &p->heard, .done = &p->done, .peer = p};
    size_t before;
    int r;

    unescape(&h.want.text, arg[0]);
    end_line(&h.want.text);
    do { /* As long as words come, she is not waiting in vain. */
        before = p->heard.len;
        r = until(has_found, &h);
    } while (r == 0 && p->heard.len > before);
    if (r == 1)
        reply("ok");
    else
        fail(r == 0 ? "timeout" : why_closed(p->server),
             "%s never heard \"%s\"", p->name, arg[0]);
    forget(&h.want.text);
}

/* transcript FILE -> ok: all that she has heard is in that file */
void transcript(struct peer *p, char **arg)
{
    save(arg[0], &p->heard);
    reply("ok");
}

static int is_later(void *arg)
{
    return time(NULL) > *(time_t *)arg;
}

/* waits-a-second: until the clock shows another second than when she spoke */
void waits_a_second(struct peer *p, char **arg)
{
    (void)arg;
    until_every(10, is_later, &p->said);
    reply("ok");
}

/* heard-time -> ok SECONDS: how far the last time stamp she heard is off the
 * time between her words and now; 0 if it lies in it */
void heard_time(struct peer *p, char **arg)
{
    struct tm tm = {.tm_isdst = -1};
    const char *s = p->heard.p ? strrchr(p->heard.p, '[') : NULL;
    struct timespec now; /* time() may be some ms late */
    time_t then;

    (void)arg;
    if (s == NULL
        || sscanf(s, "[%d-%d-%d %d:%d:%d]", &tm.tm_year, &tm.tm_mon,
                  &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec)
               != 6) {
        fail("bytes", "%s heard no [YYYY-mm-dd HH:MM:SS]", p->name);
        return;
    }
    tm.tm_year -= 1900;
    tm.tm_mon--;
    then = mktime(&tm);
    clock_gettime(CLOCK_REALTIME, &now);
    reply("ok %ld", (long)(then < p->said      ? then - p->said
                           : then > now.tv_sec ? then - now.tv_sec
                                               : 0));
}

/* For until(): has she seen the end of the stream? */
int is_over(void *arg)
{
    return ((struct peer *)arg)->ended;
}

static int is_over_or_hears(void *arg)
{
    struct peer *p = arg;

    return p->ended || p->heard.len > p->done;
}

static void fail_connected(const struct peer *p)
{
    fail("timeout",
         "%s should have been let go, and is still connected %d s later%s",
         p->name, stage.waited_ms / 1000,
         logged(p, "left") ? ", though the log says \"left\"" : "");
}

/* sees-end: end-of-stream or a reset; nothing more is said before it */
void sees_end(struct peer *p, char **arg)
{
    struct bytes report = {0};

    (void)arg;
    if (!until(is_over_or_hears, p)) {
        fail_connected(p);
        return;
    }
    if (p->heard.len == p->done) {
        reply("ok");
        return;
    }
    addf(&report,
         "expected: (nothing), then the end of the stream\nseen:     ");
    escape(&report, p->heard.p + p->done, p->heard.len - p->done, 0);
    addf(&report, "\n");
    tell_again(&report, p->heard.p, p->done, p->heard.len - p->done);
    fail_showing("bytes", &report);
}

/* is-let-go: end-of-stream or a reset, whatever was said before it */
void is_let_go(struct peer *p, char **arg)
{
    (void)arg;
    if (!until(is_over, p)) {
        fail_connected(p);
        return;
    }
    p->done = p->heard.len;
    reply("ok");
}

/* The log may say "left" a moment before it is done: but a server at rest has
 * done it. Where there is no /proc to tell, the log must do. */
static int has_left_or_ended(void *arg)
{
    struct resting *l = arg;
    const struct peer *p = l->peer;
    int asleep;

    if (p->ended)
        return 1;
    if (logged(p, "left")
        && (rests(&l->rest) || count_threads(p->server, &asleep) == 0))
        return 1;
    return p->server->child.alive ? 0 : -1;
}

/* is-logged-left: the log says that her conversation is over */
void is_logged_left(struct peer *p, char **arg)
{
    int r = until(has_left, p);

    (void)arg;
    if (r == 1)
        reply("ok");
    else
        fail(r == 0 ? "timeout" : why_closed(p->server),
             "%s has left, and the log never said \"%s left\"", p->name,
             p->addr);
}

static int do_leave(struct peer *p)
{
    struct resting l = {p, {.prog = p->server}};
    int r;

    shutdown(p->fd, SHUT_WR);
    r = until_every(10, has_left_or_ended, &l);
    if (r == 1) {
        hang_up(p);
        return 0;
    }
    fail(r == 0 ? "timeout" : why_closed(p->server),
         "%s has left, and the server neither closed its own side nor "
         "logged \"%s left\"",
         p->name, p->addr);
    return -1;
}

/* leaves: half-closes, reads to the end (or to the log's "left", and the
 * server's rest), closes */
void leaves(struct peer *p, char **arg)
{
    (void)arg;
    if (do_leave(p) == 0)
        reply("ok");
}

/* half-closes: will say no more, still listens */
void half_closes(struct peer *p, char **arg)
{
    (void)arg;
    shutdown(p->fd, SHUT_WR);
    reply("ok");
}

/* crashes [unseen]: a reset; and the log says "left", unless unseen */
void crashes(struct peer *p, char **arg)
{
    int r;

    reset(p);
    r = arg[0] ? 1 : until(has_left, p);
    if (r == 1)
        reply("ok");
    else
        fail(r == 0 ? "timeout" : why_closed(p->server),
             "%s was reset, and the log never said \"%s left\"", p->name,
             p->addr);
}

/* vanishes: closes, whatever there may be to read */
void vanishes(struct peer *p, char **arg)
{
    (void)arg;
    hang_up(p);
    reply("ok");
}

/* stops-reading */
void stops_reading(struct peer *p, char **arg)
{
    (void)arg;
    p->deaf = 1;
    reply("ok");
}

/* reads-on */
void reads_on(struct peer *p, char **arg)
{
    (void)arg;
    p->deaf = 0;
    reply("ok");
}

/* skims: forgets what was said long ago */
void skims(struct peer *p, char **arg)
{
    (void)arg;
    p->skims = 1;
    reply("ok");
}

/* is-unserved: refused, or let go without an answer to a word */
void is_unserved(struct peer *p, char **arg)
{
    if (knock(p, "127.0.0.1", 0) < 0) {
        reply("ok refused");
        return;
    }
    send_some(p, "hi\n", 3);
    sees_end(p, arg);
}
