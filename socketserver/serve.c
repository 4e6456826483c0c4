/* serve: one handler, over each of the twelve servers. */
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
static atomic_int lines; /* that this process has answered */

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

static void die(const char *what, const char *why)
{
    fprintf(stderr, "serve: %s: %s\n", what, why);
    exit(1);
}

/* The setup and the finish of a datagram or of a stream, and a word before and
 * after it. */
static int setup(struct handler *h)
{
    struct request *r = h->request;
    int packet = h->server->class.socket_type == SOCK_DGRAM;

    if ((packet ? datagram_setup(h) : stream_setup(h)) < 0)
        return -1;
    log_event(r->client_address.name, "joined", "");
    if (r->truncated)
        log_event(r->client_address.name, "sent more than we take", "");
    return 0;
}

static int finish(struct handler *h)
{
    struct request *r = h->request;
    int packet = h->server->class.socket_type == SOCK_DGRAM;
    int result = packet ? datagram_finish(h) : stream_finish(h);

    log_event(r->client_address.name, "left", "");
    return result;
}

static int is_quit(const char *msg, size_t n)
{
    return (n == 4 && memcmp(msg, "quit", 4) == 0)
           || (n == 5 && memcmp(msg, "quit\n", 5) == 0)
           || (n == 6 && memcmp(msg, "quit\r\n", 6) == 0);
}

/* Each line comes back behind the process and a count: a forking server counts
 * in children, each of which begins where the server was. */
static int handle(struct handler *h)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    int failed;

    while ((n = getline(&line, &size, h->rfile)) > 0 && !is_quit(line, n)) {
        fprintf(h->wfile, "[%ld #%d] ", (long)getpid(), ++lines);
        fwrite(line, 1, n, h->wfile); /* not %s: a line may hold a NUL */
        if (fflush(h->wfile) == EOF)
            break;
    }
    failed = ferror(h->rfile) || ferror(h->wfile);
    free(line);
    return failed ? -1 : 0;
}

static const struct handler_class numbering = {
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
        printf("requests: %d\n", server.active);
    }
}

static void *accept_loop(void *arg)
{
    (void)arg;
    if (serve_forever(&server, 500) < 0) /* forking reaps twice a second */
        log_event("accept", "poll: ", strerror(errno));
    return NULL;
}

/* Fills class from two words; 0 if one of them is unknown. */
static int choose(struct server_class *class, const char *kind, const char *how)
{
    if (strcmp(kind, "tcp") == 0)
        *class = tcp_server();
    else if (strcmp(kind, "udp") == 0)
        *class = udp_server();
    else if (strcmp(kind, "unix") == 0)
        *class = unix_stream_server();
    else if (strcmp(kind, "unixgram") == 0)
        *class = unix_datagram_server();
    else
        return 0;
    if (strcmp(how, "threading") == 0)
        *class = threading(*class);
    else if (strcmp(how, "forking") == 0)
        *class = forking(*class);
    else if (strcmp(how, "plain") != 0)
        return 0;
    return 1;
}

/* With SO_REUSEADDR two UDP servers could share a port. */
static pthread_t start(struct server_class *class, const char *host,
                       const char *port)
{
    int local = class->address_family == AF_UNIX;
    struct address address;
    char where[300];
    const char *why = local ? unix_address(&address, port)
                            : inet_address(&address, host, port);
    pthread_t loop;

    snprintf(where, sizeof where, local ? "%s%s" : "%s:%s", local ? "" : host,
             port);
    if (why != NULL)
        die(where, why);
    class->request_queue_size = SOMAXCONN;
    class->allow_reuse_address = local || class->socket_type == SOCK_STREAM;
    if (server_init(&server, class, &address, &numbering) < 0)
        die(where, strerror(errno));
    log_event("main", "listening on ", server.server_address.name);
    errno = pthread_create(&loop, NULL, accept_loop, NULL);
    if (errno != 0)
        die(where, strerror(errno));
    return loop;
}

static int usage(FILE *f, int status)
{
    fprintf(f, "usage: serve tcp|udp plain|threading|forking [[HOST] PORT]\n"
               "       serve unix|unixgram plain|threading|forking [PATH]\n"
               "(localhost, 9999 and serve.sock when left out)\n");
    return status;
}

int main(int argc, char *argv[])
{
    const char *host = argc > 4 ? argv[3] : "localhost";
    struct server_class class;
    const char *port;
    pthread_t loop;

    if (argc == 2 && strcmp(argv[1], "-h") == 0)
        return usage(stdout, 0);
    if (argc < 3 || !choose(&class, argv[1], argv[2]))
        return usage(stderr, 2);
    port = class.address_family == AF_UNIX ? "serve.sock" : "9999";
    if (argc > 3)
        port = argv[argc - 1];
    if (argc > 5 || (class.address_family == AF_UNIX && argc > 4)
        || (argc > 3 && argv[3][0] == '-'))
        return usage(stderr, 2);
    loop = start(&class, host, port);
    console();
    pthread_join(loop, NULL);
    server_close(&server);
    return 0;
}
