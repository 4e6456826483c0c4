/* A thread for each guest; main accepts, and the console is a thread that ends
 * everything by exit() when it reads quit. The threads are counted in a
 * variable with a mutex. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct session {
    int socket;
    struct sockaddr_in peer;
};

static pthread_mutex_t counter_mutex = PTHREAD_MUTEX_INITIALIZER;
static int counter = 1;

/* A line of the log; stdio locks stderr, so lines stay whole. */
static void note(const char *who, const char *format, ...)
{
    char when[32], text[256];
    time_t t = time(NULL);
    struct tm tm;
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    strftime(when, sizeof when, "%F %T", localtime_r(&t, &tm));
    fprintf(stderr, "%s %s %s\n", when, who, text);
}

/* Adds to the counter; returns what it is then. */
static int counted(int more)
{
    int now;

    pthread_mutex_lock(&counter_mutex);
    now = counter += more;
    pthread_mutex_unlock(&counter_mutex);
    return now;
}

static void create_thread(void *(*f)(void *), void *arg)
{
    pthread_t id;
    int err;

    counted(+1);
    err = pthread_create(&id, NULL, f, arg);
    if (err != 0) {
        fprintf(stderr, "pthread_create: %s\n", strerror(err));
        exit(EXIT_FAILURE);
    }
    pthread_detach(id);
}

/* Answers what is said; returns when that is not possible any more. */
static void talk(int fd, const char *name)
{
    char in[1024], head[100];
    struct tm tm;
    ssize_t n;

    while ((n = recv(fd, in, sizeof in, 0)) > 0) {
        time_t t = time(NULL);
        char out[sizeof head + sizeof in];
        size_t len = strftime(head, sizeof head, "[%F %T] ",
                              localtime_r(&t, &tm));
        const char *p = out;

        len = sprintf(out, "%.*s%s ", (int)len, head, name);
        memcpy(out + len, in, n);
        for (len += n; len > 0; p += n, len -= n) {
            n = send(fd, p, len, 0);
            if (n < 0)
                return;
        }
    }
}

static void *session_thread(void *arg)
{
    struct session s = *(struct session *)arg;
    char ip[20], name[40];

    free(arg);
    inet_ntop(AF_INET, &s.peer.sin_addr, ip, sizeof ip);
    snprintf(name, sizeof name, "%s:%d", ip, ntohs(s.peer.sin_port));
    note(name, "* %s joined us", name);
    talk(s.socket, name);
    close(s.socket);
    note(name, "* %s left us", name);
    counted(-1);
    return NULL;
}

static void *console_thread(void *arg)
{
    char *line = NULL, text[100];
    size_t size = 0;
    int len;

    for (;;) {
        if (isatty(STDIN_FILENO) && write(STDOUT_FILENO, ">>> ", 4) != 4)
            break;
        if (getline(&line, &size, stdin) < 0)
            break;
        if (strcmp(line, "quit\n") == 0 || strcmp(line, "quit") == 0) {
            note("main", "stopping, good bye");
            exit(EXIT_SUCCESS);
        }
        len = snprintf(text, sizeof text, "We have %d threads (1 for me).\n",
                       counted(0));
        if (write(STDOUT_FILENO, text, len) != len)
            break;
    }
    free(line);
    counted(-1);
    return arg;
}

/* --- from the command line to a listening socket --- */

static void complain(const char *host, const char *port, const char *reason)
{
    fprintf(stderr, "chat: %s:%s: %s\n", host, port, reason);
    exit(EXIT_FAILURE);
}

/* Dotted or by name; inet_aton() first, for it asks nobody. */
static struct in_addr find_host(const char *host, const char *port)
{
    struct in_addr ip;
    struct hostent *known;

    if (inet_aton(host, &ip) != 0)
        return ip;
    known = gethostbyname(host);
    if (known == NULL || known->h_addrtype != AF_INET)
        complain(host, port, "unknown host");
    memcpy(&ip, known->h_addr_list[0], sizeof ip);
    return ip;
}

static int make_listener(const char *host, const char *port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof sa;
    char *rest;
    long number;
    int fd, one = 1;

    errno = 0;
    number = strtol(port, &rest, 10);
    if (!isdigit((unsigned char)port[0]) || *rest != '\0' || errno != 0
        || number > 65535)
        complain(host, port, "bad port");
    sa.sin_addr = find_host(host, port);
    sa.sin_port = htons((in_port_t)number);
    fd = socket(PF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        complain(host, port, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
        complain(host, port, strerror(errno));
    if (listen(fd, SOMAXCONN) < 0)
        complain(host, port, strerror(errno));
    if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
        complain(host, port, strerror(errno));
    note("main", "ready, listening on %s:%d", inet_ntoa(sa.sin_addr),
         ntohs(sa.sin_port));
    return fd;
}

/* getopt(3) says itself which option it does not know. */
static int from_arguments(int argc, char *argv[])
{
    int c, help = 0, wrong = 0;

    while ((c = getopt(argc, argv, "h")) != -1) {
        help |= c == 'h';
        wrong |= c != 'h';
    }
    if (wrong || argc - optind > 2) {
        fprintf(stderr, "usage: %s [-h] [[HOST] PORT]\n", argv[0]);
        exit(2);
    }
    if (help) {
        printf("usage: %s [-h] [[HOST] PORT]\n", argv[0]);
        exit(0);
    }
    argv += optind;
    switch (argc - optind) {
    case 0: return make_listener("localhost", "9999");
    case 1: return make_listener("localhost", argv[0]);
    default: return make_listener(argv[0], argv[1]);
    }
}

int main(int argc, char *argv[])
{
    int listener = from_arguments(argc, argv);

    signal(SIGPIPE, SIG_IGN);
    create_thread(console_thread, NULL);
    for (;;) {
        struct session *s = malloc(sizeof *s);
        socklen_t len = sizeof s->peer;

        if (s == NULL)
            abort();
        do {
            s->socket = accept(listener, (struct sockaddr *)&s->peer, &len);
            if (s->socket < 0)
                sleep(1); /* no descriptor, perhaps: somebody may leave */
        } while (s->socket < 0);
        create_thread(session_thread, s);
    }
}
