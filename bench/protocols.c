/* protocols.c: how each kind of server is spoken to, as little as will do. */
#define _POSIX_C_SOURCE 200809L
#include "load.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sends a string that opens a conversation. */
static void tell(int fd, const char *what)
{
    if (send(fd, what, strlen(what), 0) != (ssize_t)strlen(what))
        die("send", strerror(errno));
}

/* Reads a byte at a time, so that nothing behind the answer is taken. */
static void expect(int fd, const char *what)
{
    size_t n = strlen(what), have = 0;
    char last[256] = "";

    while (have < n || memcmp(last + have - n, what, n) != 0) {
        if (have == sizeof last) {
            have = n;
            memmove(last, last + sizeof last - n, n);
        }
        if (recv(fd, last + have, 1, 0) != 1)
            die("the server did not say", what);
        have++;
    }
}

/* --- our rungs: [2026-11-23 06:44:56] 127.0.0.1:50546 words --- */

static void enter_plain(int fd, int number)
{
    (void)fd;
    (void)number;
}

/* One server lets its people in before it hears the last of them; that others
 * have let in theirs, it does not know. So one more comes to each: servers let
 * in one after another, and when this one has said quit, and is let go, all who
 * came before are in. */
void see_all_in(void)
{
    char byte;

    for (int i = 0; i < opt.ports.n; i++) {
        int fd = dial(i);

        tell(fd, "quit\n");
        while (recv(fd, &byte, 1, 0) > 0)
            ;
        close(fd);
    }
}

static size_t wrap_plain(char *out, const char *line, size_t n)
{
    memcpy(out, line, n);
    return n;
}

enum { STAMP = 22, HOST = 10 }; /* "[2026-11-23 06:44:56] ", "127.0.0.1:" */

/* Whether buf begins with a time in brackets. The last one that did so is
 * remembered: within a second all are the same. */
static int is_stamp(const char *buf)
{
    static const char shape[] = "[dddd-dd-dd dd:dd:dd] ";
    static char last[STAMP];

    if (memcmp(buf, last, STAMP) == 0)
        return 1;
    for (int i = 0; i < STAMP; i++)
        if (shape[i] == 'd' ? !isdigit((unsigned char)buf[i])
                            : buf[i] != shape[i])
            return 0;
    memcpy(last, buf, STAMP);
    return 1;
}

/* Reads the head at the beginning of buf; returns its size, 0 if it is not
 * all there. Puts the speaker's number into *talker, or -1. */
static size_t head_of(const char *buf, size_t n, int *talker)
{
    size_t i = STAMP + HOST;
    int port = 0;

    if (n <= i)
        return 0;
    if (!is_stamp(buf) || memcmp(buf + STAMP, "127.0.0.1:", HOST) != 0)
        fault("heads are torn", 1);
    for (; i < n && buf[i] >= '0' && buf[i] <= '9'; i++)
        port = port * 10 + buf[i] - '0';
    if (i == n)
        return 0;
    if (buf[i] != ' ' || port > 65535)
        fault("heads are torn", 1);
    *talker = speaker_at(port);
    return i + 1;
}

/* Up to v7 a recv() is a message, so a head may stand inside a line, and the
 * words of two may alternate: each head says whose words follow. No line has
 * a bracket in it. */
static size_t parse_ours(struct member *m, const char *buf, size_t n)
{
    size_t done = 0, take;
    const char *next;

    while (done < n) {
        if (buf[done] == '[') {
            take = head_of(buf + done, n - done, &m->talker);
            if (take == 0)
                break;
        } else {
            next = memchr(buf + done, '[', n - done);
            take = next != NULL ? (size_t)(next - buf) - done : n - done;
            hear(m, m->talker, buf + done, take);
        }
        done += take;
    }
    return done;
}

/* The same from v8 on: a line is a message, so after a head comes all of a
 * line, and then another head or nothing. */
static size_t parse_lines(struct member *m, const char *buf, size_t n)
{
    size_t done = 0, head;
    const char *end;

    while ((end = memchr(buf + done, '\n', n - done)) != NULL) {
        size_t all = (size_t)(end + 1 - buf) - done;

        head = head_of(buf + done, all, &m->talker);
        if (head == 0 || all - head != (size_t)opt.size)
            fault("lines are torn", 1);
        hear(m, m->talker, buf + done + head, all - head);
        done += all;
    }
    return done;
}

/* --- whole lines without a head: the line says who speaks --- */

static int speaker_in(const char *line)
{
    char *end;
    long n = strtol(line, &end, 10);

    return *end == ' ' ? (int)n : -1;
}

/* ncat: what one sends, the others get, and nobody says from whom it is. */
static size_t parse_bare(struct member *m, const char *buf, size_t n)
{
    size_t done = 0, size = (size_t)opt.size;

    for (; n - done >= size; done += size)
        hear(m, speaker_in(buf + done), buf + done, size);
    return done;
}

/* --- redis --- */

static void enter_redis(int fd, int number)
{
    (void)number;
    tell(fd, "*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nroom\r\n");
    expect(fd, "room\r\n:1\r\n");
}

/* Puts the line and "\r\n" behind the head bytes in out; the length of all. */
static size_t put_payload(char *out, size_t head, const char *line, size_t n)
{
    memcpy(out + head, line, n);
    memcpy(out + head + n, "\r\n", 2);
    return head + n + 2;
}

static size_t wrap_redis(char *out, const char *line, size_t n)
{
    int head = sprintf(out, "*3\r\n$7\r\nPUBLISH\r\n$4\r\nroom\r\n$%zu\r\n", n);

    return put_payload(out, head, line, n);
}

/* A frame is always the same bytes around a line of a fixed size. */
static size_t parse_framed(struct member *m, const char *buf, size_t n,
                           const char *head)
{
    size_t done = 0, h = strlen(head), size = (size_t)opt.size;

    for (; n - done >= h + size + 2; done += h + size + 2) {
        const char *line = buf + done + h;

        if (buf[done] != head[0]) /* something else: the caller's */
            break;
        if (memcmp(buf + done, head, h) != 0
            || memcmp(line + size, "\r\n", 2) != 0)
            fault("frames are torn", 1);
        hear(m, speaker_in(line), line, size);
    }
    return done;
}

static size_t parse_redis(struct member *m, const char *buf, size_t n)
{
    static char head[64];

    if (head[0] == '\0')
        sprintf(head, "*3\r\n$7\r\nmessage\r\n$4\r\nroom\r\n$%d\r\n", opt.size);
    return parse_framed(m, buf, n, head);
}

/* --- nats --- */

static void enter_nats(int fd, int number)
{
    (void)number;
    expect(fd, "\r\n");
    tell(fd, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n"
             "SUB room 1\r\nPING\r\n");
    expect(fd, "PONG\r\n");
}

static size_t wrap_nats(char *out, const char *line, size_t n)
{
    int head = sprintf(out, "PUB room %zu\r\n", n);

    return put_payload(out, head, line, n);
}

static size_t parse_nats(struct member *m, const char *buf, size_t n)
{
    static char head[64];
    size_t done = 0;

    if (head[0] == '\0')
        sprintf(head, "MSG room 1 %d\r\n", opt.size);
    for (;;) {
        done += parse_framed(m, buf + done, n - done, head);
        if (n - done < 6 || memcmp(buf + done, "PING\r\n", 6) != 0)
            return done;
        tell(m->peer.fd, "PONG\r\n");
        done += 6;
    }
}

/* --- irc --- */

static void enter_irc(int fd, int number)
{
    char hello[128];

    sprintf(hello, "NICK m%d\r\nUSER m%d 0 * :m\r\n", number, number);
    tell(fd, hello);
    expect(fd, " 001 ");
    tell(fd, "JOIN #room\r\n");
    expect(fd, " 366 ");
    expect(fd, "\r\n");
}

/* The line's own end is the protocol's. */
static size_t wrap_irc(char *out, const char *line, size_t n)
{
    int head = sprintf(out, "PRIVMSG #room :");

    memcpy(out + head, line, n - 1);
    memcpy(out + head + n - 1, "\r\n", 2);
    return (size_t)head + n + 1;
}

/* One line of IRC: words, or news of the channel, or a PING. */
static void irc_line(struct member *m, const char *line, size_t n)
{
    static const char sign[] = " PRIVMSG #room :";
    size_t size = (size_t)opt.size;
    const char *words = line + n + 1 - size;

    if (n >= 5 && memcmp(line, "PING ", 5) == 0) {
        char pong[128];

        snprintf(pong, sizeof pong, "PONG %.*s\r\n", (int)n - 5, line + 5);
        tell(m->peer.fd, pong);
        return;
    }
    if (n < size + sizeof sign
        || memcmp(words - (sizeof sign - 1), sign, sizeof sign - 1) != 0)
        return;
    hear(m, speaker_in(words), words, size - 1);
    hear(m, speaker_in(words), "\n", 1);
}

static size_t parse_irc(struct member *m, const char *buf, size_t n)
{
    size_t done = 0;
    const char *end;

    while ((end = memchr(buf + done, '\n', n - done)) != NULL) {
        irc_line(m, buf + done, (size_t)(end - buf) - done - 1);
        done = (size_t)(end + 1 - buf);
    }
    return done;
}

static const struct protocol protocols[] = {
    {"ours", "up to v7: heads may stand inside a line", 1, 0, enter_plain,
     wrap_plain, parse_ours},
    {"lines", "from v8 on: a head, a whole line", 1, 0, enter_plain, wrap_plain,
     parse_lines},
    {"redis", "RESP, SUBSCRIBE and PUBLISH", 1, 1, enter_redis, wrap_redis,
     parse_redis},
    {"nats", "SUB and PUB", 1, 0, enter_nats, wrap_nats, parse_nats},
    {"irc", "JOIN and PRIVMSG", 0, 0, enter_irc, wrap_irc, parse_irc},
    {"bare", "bytes as they are, not to who sent them (ncat --broker)", 0, 0,
     enter_plain, wrap_plain, parse_bare},
};

enum { PROTOCOLS = sizeof protocols / sizeof protocols[0] };

const struct protocol *find_protocol(const char *name)
{
    for (int i = 0; i < PROTOCOLS; i++)
        if (strcmp(protocols[i].name, name) == 0)
            return &protocols[i];
    die(name, "there is no such protocol");
    return NULL;
}

void list_protocols(FILE *out)
{
    for (int i = 0; i < PROTOCOLS; i++)
        fprintf(out, "    %-6s %s\n", protocols[i].name, protocols[i].about);
}
