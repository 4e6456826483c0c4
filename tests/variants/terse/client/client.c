/* Both ends in one poll(): no thread, no lock, few words. */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HELLO "say hello\n"

/* What was typed and has not gone out. A line goes when it is whole, and stays
 * here until all of it is sent: or the next connection gets it again. */
static char *out;
static size_t out_len, out_room, whole, sent;
static size_t hello; /* so much of it has been said */

static int sock = -1, connected, typing = 1, quit;
static int shows; /* 1: a terminal */
static long pause_ms = 500, again_at, bye_at;
static struct addrinfo *list, *next;

static long now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static void keep(const char *s, size_t n)
{
    if (out_len + n > out_room) {
        out_room = 2 * (out_len + n);
        out = realloc(out, out_room);
        if (out == NULL)
            exit(3);
    }
    memcpy(out + out_len, s, n);
    out_len += n;
}

static void show(const char *s, size_t n)
{
    while (n > 0) {
        ssize_t w = write(1, s, n);

        if (w < 0 && errno != EINTR)
            exit(4);
        s += w < 0 ? 0 : w;
        n -= w < 0 ? 0 : w;
    }
}

static void prompt(void)
{
    if (shows && isatty(0))
        show(">>> ", 4);
}

/* --- the connection --- */

static void drop(void)
{
    if (sock >= 0)
        close(sock);
    hello = sent = 0;
    sock = -1;
    connected = 0;
    next = next != NULL ? next->ai_next : NULL;
    again_at = now();
    if (next != NULL)
        return;
    again_at += pause_ms;
    pause_ms = pause_ms < 8000 ? 2 * pause_ms : pause_ms;
}

static void dial(void)
{
    if (next == NULL)
        next = list;
    sock = socket(next->ai_family, SOCK_STREAM, 0);
    if (sock < 0) {
        drop();
        return;
    }
    fcntl(sock, F_SETFL, O_NONBLOCK);
    if (connect(sock, next->ai_addr, next->ai_addrlen) < 0
        && errno != EINPROGRESS)
        drop();
}

static void is_connected(void)
{
    int err = 0;
    socklen_t n = sizeof err;

    getsockopt(sock, SOL_SOCKET, SO_ERROR, &err, &n);
    if (err != 0) {
        drop();
        return;
    }
    connected = 1;
}

static void forget_lines(void)
{
    size_t n = sent;

    while (n > 0 && out[n - 1] != '\n' && !(n == out_len && !typing))
        n--;
    memmove(out, out + n, out_len - n);
    out_len -= n;
    whole -= n;
    sent -= n;
}

static void push(void)
{
    size_t greeting = sizeof HELLO - 1 - hello;
    ssize_t n = greeting > 0 ? send(sock, &HELLO[hello], greeting, 0)
                             : send(sock, out + sent, whole - sent, 0);

    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            drop();
    } else if (greeting > 0) {
        hello += n;
    } else {
        sent += n;
        forget_lines();
    }
}

static int something_to_send(void)
{
    return hello < sizeof HELLO - 1 || whole > sent;
}

/* A terminal gets nothing that steers it: no control character, and nothing
 * that turns a line around or ends it. */
static void tame(char *s, size_t n)
{
    unsigned last = 0; /* three bytes */

    for (size_t i = 0; i < n; i++) {
        unsigned char c = s[i];

        last = (last << 8 | c) & 0xffffff;
        if ((c < 32 && c != '\n' && c != '\t') || c == 127
            || (last >= 0xe280a8 && last <= 0xe280ae)
            || (last >= 0xe281a6 && last <= 0xe281a9)
            || ((last & 0xffe0) == 0xc280))
            s[i] = '.';
    }
}

/* Each piece ends its line. */
static void pull(void)
{
    char s[4096];
    ssize_t n = recv(sock, s, sizeof s - 1, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop();
        if (bye_at != 0)
            exit(0);
        return;
    }
    pause_ms = 500;
    if (s[n - 1] != '\n')
        s[n++] = '\n';
    if (shows) {
        tame(s, n);
        show("\r", 1);
    }
    show(s, n);
    prompt();
}

/* --- what is typed --- */

static int is_quit(const char *s, size_t n)
{
    if (n == 5 && s[4] == '\r')
        n--;
    return n == 4 && memcmp(s, "quit", 4) == 0;
}

static void no_more(int by_quit)
{
    typing = 0;
    quit = by_quit;
    if (by_quit)
        out_len = whole;
    else
        whole = out_len;
}

static void read_keys(void)
{
    char s[1024];
    ssize_t n = read(0, s, sizeof s);

    if (n < 0 && errno == EINTR)
        return;
    for (ssize_t i = 0; i < n && typing; i++) {
        if (s[i] == '\n' && is_quit(out + whole, out_len - whole)) {
            no_more(1);
            return;
        }
        keep(s + i, 1);
        if (s[i] == '\n') {
            whole = out_len;
            prompt();
        }
    }
    if (n <= 0)
        no_more(is_quit(out + whole, out_len - whole));
}

/* What was typed before goes out first; a server has two seconds to let us go.
 */
static void finish(void)
{
    if (connected && bye_at == 0 && !something_to_send()) {
        shutdown(sock, SHUT_WR);
        bye_at = now() + 2000;
    }
    if (bye_at != 0 && now() >= bye_at)
        exit(0);
    if (sock >= 0 || (!quit && out_len > 0 && pause_ms == 500))
        return;
    if (out_len > 0)
        fprintf(stderr, "client: not connected, not all sent\n");
    exit(out_len > 0);
}

static void turn(void)
{
    struct pollfd p[2] = {{typing && out_len < 1 << 20 ? 0 : -1, POLLIN, 0},
                          {sock, POLLIN, 0}};
    long ms = sock < 0 ? again_at - now() : bye_at != 0 ? bye_at - now() : -1;

    if (sock >= 0 && !connected)
        p[1].events = POLLOUT;
    else if (something_to_send())
        p[1].events |= POLLOUT;
    if (sock < 0 && ms <= 0) {
        dial();
        return;
    }
    if (poll(p, 2, ms < 0 && sock >= 0 && bye_at != 0 ? 0 : (int)ms) < 0)
        return;
    if (p[0].revents != 0)
        read_keys();
    if (p[1].revents == 0)
        return;
    if (!connected) {
        is_connected();
        return;
    }
    if (p[1].revents & ~POLLOUT)
        pull();
    if (connected && something_to_send() && (p[1].revents & POLLOUT))
        push();
}

static int number(const char *s)
{
    char *end;
    long n = strtol(s, &end, 10);

    return *s >= '0' && *s <= '9' && *end == '\0' && n <= 65535 && n > 0;
}

int main(int argc, char **argv)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM};
    const char *host = argc > 2 ? argv[1] : "localhost";
    const char *port = argc > 1 ? argv[argc - 1] : "9999";
    int help = argc == 2 && strcmp(argv[1], "-h") == 0, r;

    if (help || argc > 3 || (argc > 1 && *argv[1] == '-')) {
        fprintf(help ? stdout : stderr, "client [[HOST] PORT]\n");
        return help ? 0 : 2;
    }
    if (!number(port)) {
        fprintf(stderr, "client: \"%s\" is no port\n", port);
        return 2;
    }
    r = getaddrinfo(host, port, &want, &list);
    if (r != 0) {
        fprintf(stderr, "client: %s: %s\n", host, gai_strerror(r));
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    shows = isatty(1);
    keep(HELLO, 1); /* so that there is a buffer */
    out_len = 0;
    prompt();
    for (;;) {
        turn();
        if (!typing)
            finish();
    }
}
