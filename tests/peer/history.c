/* history: what everybody on the stage did, and when, for a picture of it: see
 * tools/trace. Where PEER_TRACE names a file, FILE.people gets a line for each
 * deed, and the program under test starts with PEER_TRACE_LIBRARY before it,
 * which notes its calls in FILE.calls. Both tell the time of one clock. */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HISTORY_MAX = 8 << 20,
    CALLS_MAX = 4096 + (64 << 18), /* a head, and 262144 notes of 64 bytes */
    ENDS_MAX = 60 /* of what is said, at either end; the rest is counted */
};

static struct bytes path; /* FILE. */
static FILE *people;
static size_t written;

static FILE *open_people(void)
{
    const char *file = getenv("PEER_TRACE");

    if (file == NULL)
        return NULL;
    addf(&path, "%s.people", file);
    people = fopen(path.p, "w");
    if (people == NULL)
        perror(path.p);
    else
        fcntl(fileno(people), F_SETFD, FD_CLOEXEC);
    forget(&path);
    return people;
}

static long long now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void note(long long when, const char *who, const char *what, va_list ap)
{
    static int asked;

    if (!asked)
        open_people();
    asked = 1;
    if (people == NULL || written > HISTORY_MAX)
        return;
    written += fprintf(people, "%lld\t%s\t", when, who);
    written += vfprintf(people, what, ap);
    putc('\n', people);
    fflush(people);
}

/* NS<tab>WHO<tab>WHAT, which is as printf(3) writes it, with tabs in it. */
void history(const char *who, const char *what, ...)
{
    va_list ap;

    va_start(ap, what);
    note(now_ns(), who, what, ap);
    va_end(ap);
}

static void history_at(long long when, const char *who, const char *what, ...)
{
    va_list ap;

    va_start(ap, what);
    note(when, who, what, ap);
    va_end(ap);
}

/* The same of n bytes that somebody said or heard. */
static void note_bytes(long long when, const char *who, const char *what,
                       const char *p, size_t n)
{
    struct bytes text = {0};

    if (getenv("PEER_TRACE") == NULL)
        return;
    escape(&text, p, n < 2 * ENDS_MAX ? n : ENDS_MAX, 0);
    if (n >= 2 * ENDS_MAX) {
        addf(&text, " ... ");
        escape(&text, p + n - ENDS_MAX, ENDS_MAX, 0);
    }
    history_at(when, who, "%s\t%lu\t%s", what, (unsigned long)n, text.p);
    forget(&text);
}

void history_of_hearing(const struct peer *p, const char *bytes, size_t n)
{
    note_bytes(now_ns(), p->name, "heard", bytes, n);
}

/* As send(2), and the history has when it began: whoever listens may be quicker
 * than our pen. */
ssize_t send_as(const struct peer *p, const char *bytes, size_t n)
{
    long long when = now_ns();
    ssize_t sent = send(p->fd, bytes, n, 0);
    int saved = errno;

    if (sent > 0)
        note_bytes(when, p->name, "said", bytes, (size_t)sent);
    errno = saved;
    return sent;
}

/* An order, and later how it was answered. */
void history_of_order(const char *who, char **words)
{
    struct bytes text = {0};

    if (getenv("PEER_TRACE") == NULL)
        return;
    for (; *words != NULL; words++) {
        addf(&text, "\t");
        escape(&text, *words, strlen(*words), 0);
    }
    history(who, "order%s", text.p ? text.p : "");
    forget(&text);
}

static int copy(const char *from, const char *to)
{
    char buf[1 << 14];
    FILE *in = fopen(from, "r"), *out;
    size_t n;

    if (in == NULL)
        return -1;
    out = fopen(to, "w");
    while (out != NULL && (n = fread(buf, 1, sizeof buf, in)) > 0)
        fwrite(buf, 1, n, out);
    fclose(in);
    return out == NULL ? -1 : fclose(out);
}

/* What is mapped must be there: a full disk would end the program. 0, or an
 * errno. */
static int allocate(int fd)
{
#ifdef __linux__
    return posix_fallocate(fd, 0, CALLS_MAX);
#else
    (void)fd;
    return ENOSYS;
#endif
}

/* The program that starts next is traced: limits say so. Only the first that a
 * test starts; a second one would write over its notes. */
int trace_program(struct limits *limits)
{
    static int traced;
    const char *file = getenv("PEER_TRACE"),
               *lib = getenv("PEER_TRACE_LIBRARY");
    int fd;

    if (file == NULL || lib == NULL || traced)
        return 0;
    addf(&path, "%s/trace.so", limits->home);
    if (copy(lib, path.p) < 0 || chmod(path.p, 0644) < 0)
        return -1;
    forget(&path);
    addf(&path, "%s.calls", file);
    fd = open(path.p, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    forget(&path);
    if (fd < 0 || (errno = allocate(fd)) != 0)
        return -1;
    traced = 1;
    limits->preload = "./trace.so";
    limits->trace_fd = fd;
    return 0;
}
