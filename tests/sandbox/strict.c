/* strict: is linked into a program under test, and stands before some calls.
 *
 * A descriptor that is closed twice is always told of, on stderr. The rest a
 * test asks for, by words in the variable STRICT:
 *
 *     listen    tells when listen() has succeeded
 *     connect   tells of each connect(), and when it came
 *     short     send() and write() take seven bytes of what a socket is given
 *     slow=MS   close() of a connection takes so many ms before it returns
 *     late=MS   poll() returns so many ms late
 *     small=N   an accepted connection has N bytes for what waits to be sent
 *     pauses=N  a thread pauses now and then before or after a call: N is the
 *               seed of when, and for how long
 *
 * And it stands where a sanitizer would ask the program to be spared.
 *
 * None of this may trouble a program that is right. The linker sends the calls
 * here: -Wl,--wrap=close and so on. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum {
    MAX_FD = 4096,
    BITE = 7,
    STEPS = 5,      /* a pause comes at one of so many steps */
    PAUSE_MS = 16,  /* and is no longer than this */
    PAUSES_MS = 300 /* all of a program's together */
};

int __real_close(int fd);
int __real_fclose(FILE *f);
int __real_listen(int fd, int backlog);
int __real_connect(int fd, const struct sockaddr *to, socklen_t len);
int __real_poll(struct pollfd *fds, nfds_t n, int ms);
int __real_pthread_mutex_lock(pthread_mutex_t *m);
int __real_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int __real_accept(int fd, struct sockaddr *who, socklen_t *len);
ssize_t __real_recv(int fd, void *buf, size_t n, int flags);
ssize_t __real_send(int fd, const void *buf, size_t n, int flags);
ssize_t __real_write(int fd, const void *buf, size_t n);

int __wrap_close(int fd);
int __wrap_fclose(FILE *f);
int __wrap_listen(int fd, int backlog);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m);
int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int __wrap_accept(int fd, struct sockaddr *who, socklen_t *len);
ssize_t __wrap_recv(int fd, void *buf, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t n, int flags);
ssize_t __wrap_write(int fd, const void *buf, size_t n);

/* ThreadSanitizer, if it is there, is not told of the calls that we make: it
 * would not know who called us, and show no line of the program. */
void __tsan_func_entry(void *caller) __attribute__((weak));
void __tsan_func_exit(void) __attribute__((weak));

#define ENTER()                                                                \
    do {                                                                       \
        if (__tsan_func_entry)                                                 \
            __tsan_func_entry(__builtin_return_address(0));                    \
    } while (0)
#define LEAVE()                                                                \
    do {                                                                       \
        if (__tsan_func_exit)                                                  \
            __tsan_func_exit();                                                \
    } while (0)

static atomic_char was_open[MAX_FD];
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

/* Only what was open once counts: to close all the numbers that there are, or
 * -1, is no mistake. It is noted before the close: from then on the number is
 * free, and another thread may try it before our close() has come back. */
static void note_open(int fd)
{
    if (fd >= 0 && fd < MAX_FD && fcntl(fd, F_GETFD) != -1)
        was_open[fd] = 1;
}

static void note_close(const char *call, int fd, int failed)
{
    if (fd >= 0 && fd < MAX_FD && failed && errno == EBADF && was_open[fd])
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

/* --- pauses --- */

/* The thread has another name meanwhile: the peer reads it in /proc, and does
 * not take the pause for rest. */
static void pause_for(long ms)
{
#ifdef __linux__
    char name[16] = "";

    prctl(PR_GET_NAME, name);
    prctl(PR_SET_NAME, "pauses");
    rest(ms);
    prctl(PR_SET_NAME, name);
#else
    rest(ms);
#endif
}

/* A number that three others decide. */
static uint32_t mix(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t x = a * 2654435761u ^ b * 2246822519u ^ c * 3266489917u;

    for (int i = 0; i < 3; i++) {
        x ^= x >> 15;
        x *= 2246822519u;
        x ^= x >> 13;
    }
    return x;
}

/* A step of the thread that calls. What it does from one wait to the next is a
 * stretch, and in each it pauses at one step, if it comes so far: so other
 * threads get in between two steps that belong together. The seed, the thread
 * and the stretch decide which step that is, and for how long. */
static void step(int has_waited)
{
    static atomic_uint threads;
    static atomic_long spent;
    static _Thread_local uint32_t self, stretch, steps;
    const char *seed = asked_for("pauses=");
    uint32_t x;
    long ms;

    if (seed == NULL)
        return;
    if (self == 0)
        self = ++threads;
    if (has_waited) {
        stretch++;
        steps = 0;
    }
    x = mix((uint32_t)atol(seed), self, stretch);
    ms = 1 + x / 64 % PAUSE_MS;
    if (x % STEPS != steps++ || spent >= PAUSES_MS)
        return;
    spent += ms;
    pause_for(ms);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
    int r;

    step(0);
    ENTER();
    r = __real_pthread_mutex_lock(m);
    LEAVE();
    return r;
}

/* Two steps before it, for here it matters most: what comes between the test
 * and the wait wakes nobody. */
int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    int r;

    step(0);
    step(0);
    ENTER();
    r = __real_pthread_cond_wait(c, m);
    LEAVE();
    step(1);
    return r;
}

int __wrap_accept(int fd, struct sockaddr *who, socklen_t *len)
{
    int r;

    ENTER();
    r = __real_accept(fd, who, len);
    LEAVE();
    if (r >= 0 && asked_for("small=") != NULL) {
        int size = atoi(asked_for("small="));

        setsockopt(r, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    step(1);
    return r;
}

ssize_t __wrap_recv(int fd, void *buf, size_t n, int flags)
{
    ssize_t r;

    ENTER();
    r = __real_recv(fd, buf, n, flags);
    LEAVE();
    step(1);
    return r;
}

/* --- the rest --- */

int __wrap_close(int fd)
{
    const char *slow = asked_for("slow=");
    int is_slow = slow != NULL && is_connection(fd), r;

    ENTER();
    note_open(fd);
    r = __real_close(fd);
    note_close("close()", fd, r < 0);
    if (is_slow)
        pause_for(atol(slow));
    LEAVE();
    step(0);
    return r;
}

int __wrap_fclose(FILE *f)
{
    int fd = fileno(f), r;

    ENTER();
    note_open(fd);
    r = __real_fclose(f);
    note_close("fclose()", fd, r == EOF);
    LEAVE();
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

int __wrap_poll(struct pollfd *fds, nfds_t n, int ms)
{
    const char *late = asked_for("late=");
    int r = __real_poll(fds, n, ms);

    if (late != NULL)
        pause_for(atol(late));
    step(1);
    return r;
}

static size_t bite(int fd, size_t n)
{
    if (n > BITE && asked_for("short") && is_connection(fd))
        return BITE;
    return n;
}

ssize_t __wrap_send(int fd, const void *buf, size_t n, int flags)
{
    ssize_t r;

    step(0);
    ENTER();
    r = __real_send(fd, buf, bite(fd, n), flags);
    LEAVE();
    return r;
}

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
    ssize_t r;

    ENTER();
    r = __real_write(fd, buf, bite(fd, n));
    LEAVE();
    return r;
}

/* A sanitizer asks the program for its wishes by these names. They are taken,
 * and so a program cannot wish that nothing be told. */
#define NO_WISH(name)                                                          \
    const char *name(void);                                                    \
    const char *name(void)                                                     \
    {                                                                          \
        return "";                                                             \
    }

NO_WISH(__asan_default_options)
NO_WISH(__asan_default_suppressions)
NO_WISH(__lsan_default_options)
NO_WISH(__lsan_default_suppressions)
NO_WISH(__tsan_default_options)
NO_WISH(__tsan_default_suppressions)
NO_WISH(__ubsan_default_options)

int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 0;
}
