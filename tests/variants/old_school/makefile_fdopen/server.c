/* Lines by stdio, a character at a time: fgetc() into a buffer of our own
 * that grows, and a stream for each direction. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { NAME_MAX_LEN = 32, TIME_LEN = 32 };

struct line {
    char *text;
    size_t length, size;
};

static const char *clock_time(char *buf)
{
    time_t t = time(NULL);
    struct tm tm;

    strftime(buf, TIME_LEN, "%Y-%m-%d %H:%M:%S", localtime_r(&t, &tm));
    return buf;
}

/* One event: one line, in one write. */
static void say(const char *who, const char *what, const char *more)
{
    char when[TIME_LEN], line[512];
    int n = snprintf(line, sizeof line, "%s %s %s%s\n", clock_time(when), who,
                     what, more);

    if (write(STDERR_FILENO, line, n) == -1)
        return; /* nobody reads the log: no reason to end */
}

static void endpoint(char *name, const struct sockaddr_in *a)
{
    char ip[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &a->sin_addr, ip, sizeof ip);
    snprintf(name, NAME_MAX_LEN, "%s:%u", ip, ntohs(a->sin_port));
}

static void append(struct line *l, int c)
{
    if (l->length == l->size) {
        l->size = 2 * l->size + 80;
        l->text = realloc(l->text, l->size);
        if (l->text == NULL) {
            perror("server");
            exit(1);
        }
    }
    l->text[l->length++] = (char)c;
}

/* Reads up to '\n' or the end; 0 if there was nothing. */
static size_t read_line(FILE *from, struct line *l)
{
    int c;

    l->length = 0;
    do {
        c = fgetc(from);
        if (c != EOF)
            append(l, c);
    } while (c != EOF && c != '\n');
    return l->length;
}

static void answer_lines(int fd)
{
    struct line l = {NULL, 0, 0};
    FILE *in = fdopen(fd, "rb"), *out = fdopen(dup(fd), "wb");

    if (in == NULL || out == NULL) {
        perror("server: fdopen");
        exit(1);
    }
    setvbuf(out, NULL, _IOFBF, 1 << 16);
    while (read_line(in, &l) > 0) {
        for (size_t i = 0; i < l.length; i++)
            fputc(l.text[i], out);
        fputs("###", out);
        if (fflush(out) != 0)
            break;
    }
    free(l.text);
    fclose(in);
    fclose(out);
}

/* --- starting --- */

static void refuse(const char *host, const char *port, const char *why)
{
    fprintf(stderr, "server: %s:%s: %s\n", host, port, why);
    exit(1);
}

/* A socket that listens on host:port; there is no other way back. */
static int open_door(const char *host, const char *port)
{
    struct addrinfo hints, *found;
    struct sockaddr_in here;
    socklen_t size = sizeof here;
    char name[NAME_MAX_LEN];
    int s, err, yes = 1;

    if (port[0] == '\0' || strspn(port, "0123456789") != strlen(port)
        || strtol(port, NULL, 10) > 65535)
        refuse(host, port, "not a port number (0 to 65535)");
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    err = getaddrinfo(host, port, &hints, &found);
    if (err != 0)
        refuse(host, port, gai_strerror(err));
    s = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (s == -1
        || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == -1
        || bind(s, found->ai_addr, found->ai_addrlen) == -1
        || listen(s, SOMAXCONN) == -1)
        refuse(host, port, strerror(errno));
    freeaddrinfo(found);
    getsockname(s, (struct sockaddr *)&here, &size);
    endpoint(name, &here);
    say("main", "listening on ", name);
    return s;
}

/* The command line: a listening socket, or the end. */
static int start(int argc, char *argv[])
{
    static const char usage[] = "Usage: server [[HOST] PORT]\n";

    if (argc == 2 && strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        exit(0);
    }
    if (argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fputs(usage, stderr);
        exit(2);
    }
    if (argc == 3)
        return open_door(argv[1], argv[2]);
    return open_door("localhost", argc == 2 ? argv[1] : "9999");
}

int main(int argc, char *argv[])
{
    int door = start(argc, argv);

    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        char name[NAME_MAX_LEN];
        int fd = accept(door, (struct sockaddr *)&from, &size);

        if (fd == -1) {
            say("main", "accept: ", strerror(errno));
            continue;
        }
        endpoint(name, &from);
        say("main", name, " joined");
        answer_lines(fd);
        say("main", name, " left");
    }
}
