/* A chat client without threads: poll() waits for the keyboard, the server and
 * the clock. Even connect() does not block. */
#define _POSIX_C_SOURCE 200809L
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

enum { OFFLINE, CONNECTING, ONLINE, SAID_BYE };

static const char hello[] = "say hello\n";

static const char *host = "localhost", *port = "9999";
static struct addrinfo *addresses, *next_address;
static int state = OFFLINE;
static int sock = -1;
static int pause_s = 1;    /* before the next attempt */
static long alarm_ms = -1; /* when to try again, or to give up; -1: never */
static int keyboard_open = 1, quit, been_online;
static int on_screen, prompting;

/* What is to be sent; all before `line` has been, all before `next` perhaps. */
static char *out;
static size_t line, next, end, capacity;
static size_t hello_sent;

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void no_memory(void)
{
    fprintf(stderr, "client: out of memory\n");
    exit(1);
}

static void finish(void)
{
    if (line < end)
        fprintf(stderr, "client: not all that you typed has been sent\n");
    if (prompting)
        printf("\n");
    exit(quit || (line == end && been_online) ? 0 : 1);
}

/* --- the screen --- */

static void prompt(void)
{
    if (prompting)
        printf(">>> ");
    fflush(stdout);
}

/* A terminal sees control characters as ^[ and the like. */
static void show(const char *text, size_t n)
{
    if (prompting)
        printf("\r    \r");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = text[i], before = i > 0 ? text[i - 1] : 0;
        int general = i > 1 && (unsigned char)text[i - 2] == 0xe2;

        if (!on_screen || c == '\n' || c == '\t')
            putchar(c);
        else if (c < ' ' || c == 127)
            printf("^%c", c ^ 64);
        else if (before == 0xc2 && c >= 0x80 && c < 0xa0)
            putchar('?'); /* a control character in UTF-8 */
        else if (general && before == 0x80 && c >= 0xa8 && c < 0xaf)
            putchar('?'); /* U+2028 to U+202E */
        else if (general && before == 0x81 && c >= 0xa6 && c < 0xaa)
            putchar('?'); /* U+2066 to U+2069 */
        else
            putchar(c);
    }
    if (text[n - 1] != '\n')
        putchar('\n');
    prompt();
}

/* --- the connection --- */

static void lost(const char *why)
{
    if (sock != -1)
        close(sock);
    sock = -1;
    if (state == SAID_BYE || (!keyboard_open && line == end) || quit)
        finish();
    if (next_address == NULL) {
        fprintf(stderr, "client: %s:%s: %s\n", host, port, why);
        if (!keyboard_open)
            finish();
        alarm_ms = now_ms() + 1000L * pause_s;
        pause_s = pause_s < 16 ? 2 * pause_s : 16;
    }
    state = OFFLINE;
    next = line; /* a line that went out in part goes out again */
}

/* Tries the next address. */
static void dial(void)
{
    struct addrinfo *a = next_address != NULL ? next_address : addresses;

    next_address = a->ai_next;
    alarm_ms = -1;
    sock = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
    if (sock == -1) {
        lost(strerror(errno));
        return;
    }
    fcntl(sock, F_SETFL, O_NONBLOCK);
    state = CONNECTING;
    if (connect(sock, a->ai_addr, a->ai_addrlen) == -1 && errno != EINPROGRESS)
        lost(strerror(errno));
}

static void connected(void)
{
    int err = 0;
    socklen_t size = sizeof err;

    getsockopt(sock, SOL_SOCKET, SO_ERROR, &err, &size);
    if (err != 0) {
        lost(strerror(err));
        return;
    }
    next_address = NULL;
    hello_sent = 0;
    been_online = 1;
    state = ONLINE;
}

static int wants_to_send(void)
{
    return state == ONLINE && (hello_sent < sizeof hello - 1 || next < end);
}

static void send_some(void)
{
    int greeting = hello_sent < sizeof hello - 1;
    ssize_t n = greeting ? send(sock, hello + hello_sent,
                                sizeof hello - 1 - hello_sent, 0)
                         : send(sock, out + next, end - next, 0);

    if (n == -1 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        lost(strerror(errno));
    if (n <= 0)
        return;
    if (alarm_ms >= 0)
        alarm_ms = now_ms() + 2000;
    if (greeting) {
        hello_sent += n;
        return;
    }
    for (next += n; n > 0; n--)
        if (out[next - n] == '\n')
            line = next - n + 1;
    if (line == end)
        line = next = end = 0;
}

static void receive_some(void)
{
    char text[4096];
    ssize_t n = recv(sock, text, sizeof text, 0);

    if (n > 0) {
        pause_s = 1;
        if (state == SAID_BYE)
            alarm_ms = now_ms() + 2000;
        show(text, n);
    } else if (n == 0) {
        lost("the server has hung up");
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        lost(strerror(errno));
    }
}

/* --- the keyboard --- */

static void take_line(const char *text, size_t n)
{
    if ((n == 4 || (n == 5 && text[4] == '\r')) && !memcmp(text, "quit", 4)) {
        quit = 1;
        keyboard_open = 0;
        return;
    }
    if (end + n + 1 > capacity) {
        capacity = 2 * (end + n + 1);
        out = realloc(out, capacity);
        if (out == NULL)
            no_memory();
    }
    memcpy(out + end, text, n);
    out[end + n] = '\n';
    end += n + 1;
}

static void read_keyboard(void)
{
    static char *typed;
    static size_t have, size;
    char *newline;
    ssize_t n;

    if (size - have < 4096) {
        size = 2 * size + 4096;
        typed = realloc(typed, size);
        if (typed == NULL)
            no_memory();
    }
    n = read(STDIN_FILENO, typed + have, size - have);
    if (n > 0)
        have += n;
    while (keyboard_open && have > 0
           && (newline = memchr(typed, '\n', have)) != NULL) {
        size_t length = newline - typed;

        take_line(typed, length);
        have -= length + 1;
        memmove(typed, newline + 1, have);
        prompt();
    }
    if (n <= 0) {
        if (have > 0 && keyboard_open)
            take_line(typed, have);
        keyboard_open = 0;
        if (state == OFFLINE) /* one last attempt, at once */
            alarm_ms = 0;
    }
}

/* --- all together --- */

/* Leaves in good order: all is sent, then the server may finish. */
static void say_bye(void)
{
    if (quit && (state == OFFLINE || state == CONNECTING))
        finish();
    if (alarm_ms == -1)
        alarm_ms = now_ms() + 2000; /* for one who does not read any more */
    if (state == ONLINE && !wants_to_send()) {
        shutdown(sock, SHUT_WR);
        state = SAID_BYE;
        alarm_ms = now_ms() + 2000;
    }
}

static void wait_for_something(void)
{
    struct pollfd p[2];
    long left = alarm_ms < 0 ? -1 : alarm_ms - now_ms();

    p[0].fd = keyboard_open ? STDIN_FILENO : -1;
    p[0].events = POLLIN;
    p[1].fd = sock;
    p[1].events = state == CONNECTING ? POLLOUT : POLLIN;
    if (wants_to_send())
        p[1].events |= POLLOUT;
    if (alarm_ms >= 0 && left < 0)
        left = 0;
    if (poll(p, 2, (int)left) < 0)
        return;
    if (sock != -1 && p[1].revents) {
        if (state == CONNECTING)
            connected();
        else if (p[1].revents & (POLLIN | POLLHUP | POLLERR))
            receive_some();
        if (wants_to_send() && (p[1].revents & POLLOUT))
            send_some();
    }
    if (p[0].fd != -1 && p[0].revents)
        read_keyboard();
}

static void look_up(void)
{
    struct addrinfo hints;
    char *rest;
    long n = strtol(port, &rest, 10);
    int err;

    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    if (strspn(port, "0123456789") == 0 || *rest != '\0' || n < 1
        || n > 65535) {
        fprintf(stderr, "client: %s:%s: no such port\n", host, port);
        exit(1);
    }
    err = getaddrinfo(host, port, &hints, &addresses);
    if (err != 0) {
        fprintf(stderr, "client: %s:%s: %s\n", host, port, gai_strerror(err));
        exit(1);
    }
}

int main(int argc, char *argv[])
{
    static const char usage[] = "Usage: client [[HOST] PORT]\n";

    if (argc == 2 && strcmp(argv[1], "-h") == 0) {
        printf("%s", usage);
        return 0;
    }
    if (argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fprintf(stderr, "%s", usage);
        return 2;
    }
    if (argc > 2)
        host = argv[1];
    if (argc > 1)
        port = argv[argc - 1];
    look_up();
    signal(SIGPIPE, SIG_IGN);
    on_screen = isatty(STDOUT_FILENO);
    prompting = on_screen && isatty(STDIN_FILENO);
    prompt();
    for (;;) {
        if (state == OFFLINE && (alarm_ms < now_ms() || next_address != NULL))
            dial();
        else if (alarm_ms >= 0 && alarm_ms < now_ms())
            finish();
        if (!keyboard_open)
            say_bye();
        wait_for_something();
    }
}
