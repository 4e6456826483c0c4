/* room.c: who is in the room, what is said, and that all of it is heard.
 *
 * A speaker may have `window` lines under way: she says line k + window once
 * everyone has heard line k (with -a, once she has heard it herself, but never
 * more than a ring ahead of the slowest). So all that can be heard at any time
 * stands in her ring of lines, and each byte that comes is compared with it. */
#define _POSIX_C_SOURCE 200809L
#include "load.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { AHEAD = 16384 };

struct speaker *speakers;
uint64_t deliveries, bytes_heard, last_delivery, longest_gap;

static struct member *members;
static struct peer *mouths; /* of redis' speakers */
static int16_t at_port[65536];
static uint32_t slots; /* lines in the ring of a speaker */
static uint64_t now;   /* of this turn */

static void *must_have(size_t n, size_t size)
{
    void *p = calloc(n, size);

    if (p == NULL)
        die("calloc", "no memory");
    return p;
}

int speaker_at(int port)
{
    return port >= 0 && port < 65536 ? at_port[port] - 1 : -1;
}

/* --- hearing --- */

/* Member m has heard line k of s to its end. */
static void heard_line(struct speaker *s, uint32_t k)
{
    uint32_t slot = k % slots;

    hist_add(now - s->when[slot]);
    deliveries++;
    s->may_speak |= opt.self;
    if (++s->hearers[slot] < s->audience)
        return;
    s->hearers[slot] = 0;
    s->base++; /* Everyone has k, so everyone has had those before it. */
    s->may_speak = 1;
}

/* Says which of our promises the bytes break, and ends. */
static void wrong(struct member *m, const struct speaker *s, const char *text)
{
    const struct place *at = &m->heard[s - speakers];
    unsigned who, line;

    if (at->byte == 0 && sscanf(text, "%3u %8x ", &who, &line) == 2
        && line != at->line)
        fault(line > at->line ? "lines are lost" : "lines are doubled",
              (int)line - (int)at->line);
    fault("lines are torn", (int)at->line);
}

/* Compares the next n bytes that m hears of a speaker with what she said. */
void hear(struct member *m, int speaker, const char *text, size_t n)
{
    struct speaker *s = &speakers[speaker];
    struct place *at;

    if (speaker < 0 || speaker >= opt.speakers)
        fault("words are of nobody", speaker);
    at = &m->heard[speaker];
    while (n > 0) {
        uint32_t slot = at->line % slots;
        size_t take = (size_t)opt.size - at->byte;

        take = n < take ? n : take;
        if (at->line >= s->said
            || memcmp(s->text + slot * (size_t)opt.size + at->byte, text, take))
            wrong(m, s, text);
        text += take;
        n -= take;
        at->byte += (uint32_t)take;
        if (at->byte == (uint32_t)opt.size) {
            heard_line(s, at->line);
            at->line++;
            at->byte = 0;
        }
    }
}

/* Keeps what waits for the end of its frame, for the next time. */
static void keep_rest(struct member *m, const char *buf, size_t n)
{
    if (n > (size_t)opt.size + 4096)
        fault("bytes are in no frame", (int)n);
    if (n > 0 && m->rest == NULL)
        m->rest = must_have(1, (size_t)opt.size + 4096);
    if (n > 0)
        memcpy(m->rest, buf, n);
    m->rest_size = n;
}

static void note_gap(void)
{
    if (last_delivery != 0 && now - last_delivery > longest_gap)
        longest_gap = now - last_delivery;
    last_delivery = now;
}

void forget_gap(void)
{
    longest_gap = 0;
    last_delivery = now_ns();
}

static void member_readable(struct peer *p)
{
    static char buf[BUF_SIZE];
    struct member *m = (struct member *)p;
    ssize_t n;
    size_t have = m->rest_size, done;

    if (have > 0)
        memcpy(buf, m->rest, have);
    n = recv(p->fd, buf + have, sizeof buf - have, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        fault("a healthy member is let go", (int)(m - members));
    now = now_ns();
    note_gap();
    bytes_heard += (uint64_t)n;
    have += (size_t)n;
    done = opt.protocol->parse(m, buf, have);
    if (have != done || m->rest_size != 0)
        keep_rest(m, buf + done, have - done);
}

/* --- speaking --- */

/* Line k of a speaker: her number, the line's, and letters that move on by
 * one each line, so that a piece of one line never fits into another. */
static void compose(const struct speaker *s, uint32_t k, char *line)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    char head[16];
    size_t n = (size_t)opt.size;

    snprintf(head, sizeof head, "%03d %08x ", (int)(s - speakers) % 1000, k);
    for (size_t i = 13; i + 1 < n; i++)
        line[i] = letters[(i + k) % 36];
    memcpy(line, head, 13);
    line[n - 1] = '\n';
}

/* Sends what waits; 0 if not all of it could be sent. */
static int flush_out(struct speaker *s)
{
    while (s->out_sent < s->out_size) {
        ssize_t n = send(s->mouth->fd, s->out + s->out_sent,
                         s->out_size - s->out_sent, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (n < 0)
            fault("a healthy speaker is let go", (int)(s - speakers));
        s->out_sent += (size_t)n;
    }
    s->out_size = s->out_sent = 0;
    return 1;
}

/* Says all that she may, in one send(). */
static void speak(struct speaker *s)
{
    uint32_t window = s->allowed ? (uint32_t)opt.window : 1;
    uint32_t base = opt.self ? s->pacer->heard[s - speakers].line : s->base;
    uint64_t at = now_ns();

    if (!flush_out(s))
        return;
    while (s->said - base < window && s->said - s->base < slots
           && (opt.most_lines == 0 || s->said < (uint32_t)opt.most_lines)) {
        uint32_t slot = s->said % slots;
        char *line = s->text + slot * (size_t)opt.size;

        compose(s, s->said, line);
        s->when[slot] = at;
        s->said++;
        s->out_size +=
            opt.protocol->wrap(s->out + s->out_size, line, (size_t)opt.size);
    }
    s->may_speak = !flush_out(s);
}

/* Everyone speaks who may; 1 if somebody has to be asked again soon. */
int speak_all(void)
{
    int again = 0;

    for (int i = 0; i < opt.speakers; i++) {
        if (speakers[i].may_speak)
            speak(&speakers[i]);
        again |= speakers[i].may_speak;
    }
    return again;
}

/* Whether all have heard speaker 0's first line: then all are in the room,
 * since she came last. Then everyone may speak. */
int first_line_heard(void)
{
    if (speakers[0].base == 0)
        return 0;
    for (int i = 0; i < opt.speakers; i++)
        speakers[i].may_speak = speakers[i].allowed = 1;
    return 1;
}

/* Whether all that was to be said has been heard. */
int all_said(void)
{
    for (int i = 0; i < opt.speakers; i++)
        if (opt.most_lines == 0 || speakers[i].base < (uint32_t)opt.most_lines)
            return 0;
    return 1;
}

/* --- coming in --- */

static int port_of(int fd)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;

    if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
        die("getsockname", strerror(errno));
    return ntohs(addr.sin_port);
}

static void enter(int i)
{
    struct member *m = &members[i];

    m->peer.fd = dial(i);
    m->peer.readable = member_readable;
    m->own = i < opt.speakers ? i : -1;
    m->talker = -1;
    m->heard = must_have((size_t)opt.speakers, sizeof *m->heard);
    opt.protocol->enter(m->peer.fd, i);
    if (m->own >= 0)
        at_port[port_of(m->peer.fd)] = (int16_t)(i + 1);
}

static void give_words(struct speaker *s)
{
    size_t size = (size_t)opt.size;

    slots = (uint32_t)opt.window + (opt.self ? AHEAD : 0);
    s->text = must_have(slots, size);
    s->when = must_have(slots, sizeof *s->when);
    s->hearers = must_have(slots, sizeof *s->hearers);
    s->out = must_have((size_t)opt.window, size + WRAP_SIZE);
    s->audience = (uint32_t)opt.members - !opt.protocol->echo;
}

/* The speakers come last, speaker 0 last of all. Nobody is listened to while
 * the others come: what the server says in the meantime waits. */
void make_room(void)
{
    members = must_have((size_t)opt.members, sizeof *members);
    speakers = must_have((size_t)opt.speakers, sizeof *speakers);
    for (int i = opt.members - 1; i >= 0; i--)
        enter(i);
    if (opt.ports.n > 1)
        see_all_in();
    for (int i = 0; i < opt.members; i++)
        watch(&members[i].peer);
}

/* Speaker 0 may say her first line. */
void open_mouths(void)
{
    mouths = must_have((size_t)opt.speakers, sizeof *mouths);
    for (int i = 0; i < opt.speakers; i++) {
        struct speaker *s = &speakers[i];

        s->member = &members[i];
        s->pacer = &members[opt.protocol->echo ? i : (i + 1) % opt.members];
        s->mouth = &s->member->peer;
        if (opt.protocol->extra_mouth) {
            s->mouth = &mouths[i];
            s->mouth->fd = dial(i);
            s->mouth->readable = discard;
            watch(s->mouth);
        }
        give_words(s);
    }
    speakers[0].may_speak = 1;
}
