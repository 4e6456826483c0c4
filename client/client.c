/* client: talks and listens at once, and comes back when the server does. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    HELLO = 10,           /* the length of "say hello\n" */
    TYPED_SIZE = 1 << 16, /* A longer line counts as several. */
    PIECE_SIZE = 16384,   /* what one recv() brings, and a newline */
    PATIENCE = 2000,      /* ms that a server gets to let us go */
    DELAY_MAX = 30,       /* seconds between two attempts to connect */
    WHERE_SIZE = 300      /* "HOST:PORT" as typed, cut when longer */
};

static char where[WHERE_SIZE];
static struct addrinfo *addrs; /* found once: a server that moves is lost */
static struct addrinfo *addr;  /* the one that we try, or have reached */
static int fd = -1;            /* -1: we rest, and dial at the deadline */
static int delay = 1;          /* how long we rest next, in seconds */
static long long deadline;     /* when to dial, or to wait no longer, in ms */
static int ended;              /* there is no more to read on stdin, */
static int quit;               /* because its last line was quit */

/* What a connection gets: the hello, then what was typed. A line is dropped
 * once it is sent. While there is no room we read no more, not even a quit. */
static char out[HELLO + TYPED_SIZE] = "say hello\n";
static size_t len = HELLO;   /* so much is there, */
static size_t whole = HELLO; /* so much of it in whole lines, */
static size_t sent;          /* and so much of those is sent */

/* What came last. TCP keeps no boundaries: a line, or even a letter, that is
 * split over two pieces is shown on two lines. */
static char piece[PIECE_SIZE];
static size_t piece_len, shown;
static const char *prompt = ">>> ", *erase = "\r\033[K"; /* on a terminal */

/* For what we cannot start or go on without; never for a lost server. */
static void die(const char *what, const char *why)
{
    fprintf(stderr, "client: %s: %s\n", what, why);
    exit(1);
}

static long long now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* A line ends with \n. */
static int is_quit(const char *line)
{
    return strncmp(line, "quit\n", 5) == 0 || strncmp(line, "quit\r\n", 6) == 0;
}

/* How many bytes of s, which ends with \n, a terminal might obey: a control
 * character, in UTF-8 also U+0080 to U+009F (C2 80 to C2 9F); what turns the
 * direction of writing or ends a line (U+2028 to U+202E, U+2066 to U+2069). */
static size_t steers(const unsigned char *s)
{
    if (s[0] == '\t' || s[0] == '\n' || (s[0] == '\r' && s[1] == '\n'))
        return 0;
    if (s[0] < ' ' || s[0] == 0x7F)
        return 1;
    if (s[0] == 0xC2 && s[1] >= 0x80 && s[1] <= 0x9F)
        return 2;
    if (s[0] == 0xE2 && s[1] == 0x80 && s[2] >= 0xA8 && s[2] <= 0xAE)
        return 3;
    if (s[0] == 0xE2 && s[1] == 0x81 && s[2] >= 0xA6 && s[2] <= 0xA9)
        return 3;
    return 0;
}

/* Nobody in the room may steer somebody else's terminal: that becomes ?. */
static void disarm(char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        memset(s + i, '?', steers((unsigned char *)s + i));
}

/* Shows some of the piece: at most PIPE_BUF bytes, for which a pipe has room
 * when poll() says that it has room. */
static void show(void)
{
    size_t left = piece_len - shown;
    ssize_t n;

    if (shown == 0)
        dprintf(STDOUT_FILENO, "%s", erase);
    n = write(STDOUT_FILENO, piece + shown, left < PIPE_BUF ? left : PIPE_BUF);
    if (n < 0)
        die("stdout", strerror(errno));
    shown += n;
    if (shown == piece_len)
        dprintf(STDOUT_FILENO, "%s", prompt);
}

static void say(const char *what, int pause)
{
    dprintf(STDOUT_FILENO, "%s", erase);
    fprintf(stderr, "client: %s: %s", where, what);
    fprintf(stderr, pause > 0 ? "; trying again in %d s\n" : "\n", pause);
    dprintf(STDOUT_FILENO, "%s", prompt);
}

/* The status tells a script whether all went out, the hello included. */
static void finish(void)
{
    if (whole > HELLO)
        say("not all lines were sent", 0);
    dprintf(STDOUT_FILENO, "%s", erase);
    exit(!quit && sent < whole);
}

/* The connection has ended, or none came about. The next address is tried at
 * once. After the last one we rest, or turn() ends us if input has ended. */
static void lose(const char *why)
{
    if (ended && sent == whole)
        finish();
    close(fd); /* -1, if socket() has failed: no harm */
    fd = -1;
    addr = sent > 0 ? NULL : addr->ai_next;
    sent = 0;
    deadline = now();
    if (addr != NULL)
        return;
    addr = addrs;
    say(why, ended ? 0 : delay);
    deadline += 1000 * delay;
    delay = 2 * delay > DELAY_MAX ? DELAY_MAX : 2 * delay;
}

/* Begins to connect, and does not wait: if it fails later, recv() says so. */
static void dial(void)
{
    deadline = now() + PATIENCE;
    fd = socket(addr->ai_family, addr->ai_socktype, addr->ai_protocol);
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0
        || (connect(fd, addr->ai_addr, addr->ai_addrlen) < 0
            && errno != EINPROGRESS))
        lose(strerror(errno));
}

/* Takes a piece. If the server said anything, the delay starts over. */
static void hear(void)
{
    ssize_t n = recv(fd, piece, sizeof piece - 1, 0);

    if (n == 0)
        lose("the server closed the connection");
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        lose(strerror(errno));
    if (n <= 0)
        return;
    if (piece[n - 1] != '\n')
        piece[n++] = '\n';
    if (isatty(STDOUT_FILENO))
        disarm(piece, n);
    piece_len = n;
    shown = 0;
    delay = 1;
}

/* Sends a line, or as much of it as the socket takes. If it loses the server
 * meanwhile, the whole line goes out again: some of it may arrive twice. A line
 * that is sent may be lost, too: TCP does not tell what has arrived. */
static void deliver(void)
{
    size_t stop = sent + 1;
    ssize_t n;

    while (stop < whole && out[stop - 1] != '\n')
        stop++;
    n = send(fd, out + sent, stop - sent, 0);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        lose(strerror(errno));
    if (n < 0)
        return;
    if (sent == 0)
        say("connected", 0);
    deadline = now() + PATIENCE;
    sent += n;
    if (sent < stop)
        return;
    memmove(out + HELLO, out + stop, len - stop);
    len -= stop - HELLO;
    whole -= stop - HELLO;
    sent = HELLO;
}

/* Takes what was typed. When there is no more, the server gets some time to
 * hear all of it and to let us go; if there is no server, we go now. */
static void type(void)
{
    ssize_t n = read(STDIN_FILENO, out + len, sizeof out - len);
    char *end;

    ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    if (n > 0)
        len += n;
    else if (ended && len > whole)
        out[len++] = '\n'; /* The last line had none. */
    while (!quit && (end = memchr(out + whole, '\n', len - whole)) != NULL) {
        quit = is_quit(out + whole);
        if (!quit)
            whole = end + 1 - out;
    }
    if (whole == HELLO && len == sizeof out)
        whole = len;
    ended = ended || quit;
    if (ended)
        deadline = now() + PATIENCE;
    else
        dprintf(STDOUT_FILENO, "%s", prompt);
}

/* Waits until there is something to do, and does it. We read from the keyboard
 * while there is room, from the server while nothing waits to be shown. */
static void turn(void)
{
    enum { KEYBOARD, SCREEN, IN, OUT, FDS };
    struct pollfd fds[FDS] = {
        {ended || len == sizeof out ? -1 : STDIN_FILENO, POLLIN, 0},
        {shown < piece_len ? STDOUT_FILENO : -1, POLLOUT, 0},
        {shown < piece_len ? -1 : fd, POLLIN, 0},
        {sent < whole ? fd : -1, POLLOUT, 0},
    };
    int all_said = ended && sent == whole;
    int leaving = quit || all_said;
    long long left = deadline - now();

    if (fd < 0 && left <= 0) {
        dial();
        return;
    }
    if ((fd < 0 && ended) || (leaving && left <= 0))
        finish();
    if (all_said)
        shutdown(fd, SHUT_WR);
    poll(fds, FDS, fd < 0 || leaving ? (int)left : -1);
    if (fds[KEYBOARD].revents != 0)
        type();
    if (fds[SCREEN].revents != 0)
        show();
    if (fds[IN].revents != 0)
        hear();
    if (fds[OUT].revents != 0 && fd >= 0)
        deliver();
}

/* With strtol(3), because getaddrinfo(3) takes the ports 99999 and http. */
static void look_up(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    long n = strtol(port, NULL, 10);
    int err;

    snprintf(where, sizeof where, "%s:%s", host, port);
    if (port[strspn(port, "0123456789")] != '\0' || n < 1 || n > 65535)
        die(where, "a port is a number from 1 to 65535");
    err = getaddrinfo(host, port, &hints, &addrs);
    if (err != 0)
        die(where, gai_strerror(err));
    addr = addrs;
}

int main(int argc, char *argv[])
{
    const char *host = argc > 2 ? argv[1] : "localhost";
    const char *port = argc > 1 ? argv[argc - 1] : "9999";
    int help = argc == 2 && strcmp(argv[1], "-h") == 0;

    if (help || argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fprintf(help ? stdout : stderr,
                "usage: client [PORT] | client HOST PORT"
                "  (localhost and 9999 when left out)\n");
        return help ? 0 : 2;
    }
    signal(SIGPIPE, SIG_IGN); /* so that send() fails with EPIPE instead */
    look_up(host, port);
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        prompt = erase = "";
    dprintf(STDOUT_FILENO, "%s", prompt);
    for (;;)
        turn();
}
