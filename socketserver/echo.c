/* echo: the lecture's EchoHandler; the framework does the rest. */
#define _POSIX_C_SOURCE 200809L
#include "socketserver.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_SIZE = 1024,
    TIME_SIZE = 20 /* "2026-11-23 06:44:56" */
};

static struct server server;

/* Writes the local time into buf, which has TIME_SIZE bytes; returns buf. */
static char *now(char *buf)
{
    time_t t = time(NULL);
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(buf, TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
    return buf;
}

/* One event, one line, one call: lines of two threads never mix. */
static void log_event(const char *thread, const char *what, const char *why)
{
    char when[TIME_SIZE];

    fprintf(stderr, "%s %s %s%s\n", now(when), thread, what, why);
}

/* For what we cannot start or go on without; never for a client's failure. */
static void die(const char *host, const char *port, const char *why)
{
    fprintf(stderr, "echo: %.256s:%.32s: %s\n", host, port, why);
    exit(1);
}

static int setup(struct handler *h)
{
    if (stream_setup(h) < 0)
        return -1;
    log_event(h->request->client_address.name, "joined", "");
    return 0;
}

static int finish(struct handler *h)
{
    log_event(h->request->client_address.name, "left", "");
    return stream_finish(h);
}

static int is_quit(const char *msg, size_t n)
{
    return (n == 4 && memcmp(msg, "quit", 4) == 0)
           || (n == 5 && memcmp(msg, "quit\n", 5) == 0)
           || (n == 6 && memcmp(msg, "quit\r\n", 6) == 0);
}

/* The answer to a line, which has n bytes, and perhaps no newline: "### line
 * ###", and a newline, for people. */
static int answer(FILE *wfile, const char *line, size_t n)
{
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    fprintf(wfile, "### ");
    fwrite(line, 1, n, wfile); /* not %s: a line may hold a NUL */
    fprintf(wfile, " ###\n");
    return fflush(wfile);
}

/* Ends with quit, at end-of-stream, or when the client is gone. */
static int handle(struct handler *h)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    int failed;

    while ((n = getline(&line, &size, h->rfile)) > 0 && !is_quit(line, n))
        if (answer(h->wfile, line, n) == EOF)
            break;
    failed = ferror(h->rfile) || ferror(h->wfile);
    free(line);
    return failed ? -1 : 0;
}

static const struct handler_class echo = {
    .size = sizeof(struct handler),
    .setup = setup,
    .handle = handle,
    .finish = finish,
};

/* Returns after quit, or when its input ends: then we serve on without it. */
static void console(void)
{
    char line[LINE_SIZE]; /* A longer line counts as several. */

    for (;;) {
        if (isatty(STDIN_FILENO))
            printf(">>> ");
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            return;
        line[strcspn(line, "\r\n")] = '\0';
        if (strcmp(line, "quit") == 0) {
            server_shutdown(&server);
            log_event("main", "stopping", "");
            return;
        }
        printf("threads: %d\n", server.active + 2); /* main, accept */
    }
}

static void *accept_loop(void *arg)
{
    (void)arg;
    if (serve_forever(&server, -1) < 0)
        log_event("accept", "poll: ", strerror(errno));
    return NULL;
}

/* Starts the thread in which the server serves, or dies and says why. */
static pthread_t start(const char *host, const char *port)
{
    struct server_class class = threading(tcp_server());
    struct address address;
    pthread_t loop;
    const char *why = inet_address(&address, host, port);

    class.allow_reuse_address = 1;
    class.request_queue_size = SOMAXCONN;
    class.daemon_threads = 1; /* quit does not wait for idle clients */
    if (why != NULL)
        die(host, port, why);
    if (server_init(&server, &class, &address, &echo) < 0)
        die(host, port, strerror(errno));
    log_event("main", "listening on ", server.server_address.name);
    errno = pthread_create(&loop, NULL, accept_loop, NULL);
    if (errno != 0)
        die(host, port, strerror(errno));
    return loop;
}

int main(int argc, char *argv[])
{
    const char *host = argc > 2 ? argv[1] : "localhost";
    const char *port = argc > 1 ? argv[argc - 1] : "9999";
    int help = argc == 2 && strcmp(argv[1], "-h") == 0;
    pthread_t loop;

    if (help || argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fprintf(help ? stdout : stderr,
                "usage: echo [PORT] | echo HOST PORT"
                "  (localhost and 9999 when left out)\n");
        return help ? 0 : 2;
    }
    loop = start(host, port);
    console();
    pthread_join(loop, NULL);
    server_close(&server);
    _exit(0); /* exit(3) may wait for a stream that a thread still reads. */
}
