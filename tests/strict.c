/* strict: is linked into a program under test, and stands before some calls.
 *
 * A descriptor that is closed twice is always told of, on stderr. The rest a
 * test asks for, by words in the variable STRICT:
 *
 *     listen    tells when listen() has succeeded
 *     connect   tells of each connect(), and when it came
 *     short     send() and write() take seven bytes of what a socket is given
 *     slow=MS   close() of a connection takes so many ms before it returns
 *
 * None of this may trouble a program that is right. The linker sends the calls
 * here: -Wl,--wrap=close and so on. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FD = 4096, BITE = 7 };

int __real_close(int fd);
int __real_fclose(FILE *f);
int __real_listen(int fd, int backlog);
int __real_connect(int fd, const struct sockaddr *to, socklen_t len);
ssize_t __real_send(int fd, const void *buf, size_t n, int flags);
ssize_t __real_write(int fd, const void *buf, size_t n);

int __wrap_close(int fd);
int __wrap_fclose(FILE *f);
int __wrap_listen(int fd, int backlog);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len);
ssize_t __wrap_send(int fd, const void *buf, size_t n, int flags);
ssize_t __wrap_write(int fd, const void *buf, size_t n);

static atomic_char was_closed[MAX_FD];
static atomic_int connects;

/* Returns what follows the word, or NULL. */
static const char *asked_for(const char *word)
{
    const char *words = getenv("STRICT");
    const char *at = words != NULL ? strstr(words, word) : NULL;

    return at != NULL ? at + strlen(word) : NULL;
}

/* Leaves errno as it is. */
static void tell(const char *format, ...)
{
    char text[200];
    int saved = errno;
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (__real_write(STDERR_FILENO, text, strlen(text)) < 0) {
        /* Then nobody listens. */
    }
    errno = saved;
}

/* Only what was closed before counts: to close all the numbers that there are,
 * or -1, is no mistake. */
static void note_close(const char *call, int fd, int failed)
{
    if (fd < 0 || fd >= MAX_FD)
        return;
    if (!failed || errno != EBADF)
        was_closed[fd] = 1;
    else if (was_closed[fd])
        tell("strict: %s: descriptor %d is closed twice\n", call, fd);
}

/* A socket that does not listen. */
static int is_connection(int fd)
{
    int listens = 0;
    socklen_t len = sizeof listens;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0
           && !listens;
}

static void rest(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    int saved = errno;

    nanosleep(&t, NULL);
    errno = saved;
}

int __wrap_close(int fd)
{
    const char *slow = asked_for("slow=");
    int is_slow = slow != NULL && is_connection(fd);
    int r = __real_close(fd);

    note_close("close()", fd, r < 0);
    if (is_slow)
        rest(atol(slow));
    return r;
}

int __wrap_fclose(FILE *f)
{
    int fd = fileno(f), r = __real_fclose(f);

    note_close("fclose()", fd, r == EOF);
    return r;
}

int __wrap_listen(int fd, int backlog)
{
    int r = __real_listen(fd, backlog);

    if (r == 0 && asked_for("listen"))
        tell("strict: listen() has succeeded\n");
    return r;
}

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    if (asked_for("connect"))
        tell("strict: connect() number %d, at %ld ms\n", ++connects,
             t.tv_sec * 1000L + t.tv_nsec / 1000000);
    return __real_connect(fd, to, len);
}

static size_t bite(int fd, size_t n)
{
    if (n > BITE && asked_for("short") && is_connection(fd))
        return BITE;
    return n;
}

ssize_t __wrap_send(int fd, const void *buf, size_t n, int flags)
{
    return __real_send(fd, buf, bite(fd, n), flags);
}

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
    return __real_write(fd, buf, bite(fd, n));
}
