/* trace: is loaded before a program (LD_PRELOAD) and notes each call of its
 * threads that can wait, or that lets another go on: when it began, when it
 * ended, what it returned, and who held the lock.
 *
 * Everything goes into a file that the program inherits as the descriptor which
 * TRACE_FD names. The file is mapped, and the descriptor closed, before main()
 * begins: so a note costs two looks at the clock and 64 bytes of memory, and
 * what is noted survives the program, however it dies. A note is begun before
 * its call. If the call never returns, the note has no end.
 *
 * The file, whose length does not change:
 *
 *     0     "KITTRACE", struct head
 *     256   the names of the calls, a blank between two, number 1 first
 *     4096  struct note, one behind the other; begin is 0 in one that is not
 *           there yet
 *
 * The program must not find out: nothing is printed, errno stays, and no
 * descriptor stays open. If the file is full the program goes on, unseen. In a
 * child that it forks nothing is noted. For glibc on Linux; with another libc
 * the lock's holder is not known. */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE /* or some of these are inline functions by now */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NAMES_AT = 256, NOTES_AT = 4096, FDS_MAX = 1 << 16 };

/* What a descriptor is. */
enum { LISTENER = 1, CLIENT = 2, TO_SEND = 4, CONSOLE = 8 };

struct head {
    char magic[8];
    _Atomic uint64_t notes; /* so many have been begun */
    uint64_t most;          /* and for so many there is room */
    uint64_t born;          /* ns */
    int32_t pid;
};

struct note {
    _Atomic uint64_t begin, end; /* ns, CLOCK_MONOTONIC; end 0: not yet */
    int32_t tid;
    uint16_t call, kind; /* kind: of fd, or of those that poll() waits for */
    int32_t fd, port;    /* port: at the other end of fd; 0: none */
    int64_t result;
    int32_t error; /* errno, if it failed */
    int32_t other; /* lock: whoever held it; create: the new thread */
    uint64_t object, more;
};

_Static_assert(sizeof(struct note) == 64, "the readers count on it");

/* The calls, in the order of their numbers; "thread" lasts as long as one. */
#define CALLS(x)                                                               \
    x(thread) x(create) x(join) x(listen) x(accept) x(connect) x(recv) x(send) \
        x(read) x(write) x(close) x(shutdown) x(poll) x(select) x(epoll_wait)  \
            x(fgets) x(getline) x(fread) x(fflush) x(lock) x(trylock)          \
                x(unlock) x(cond_wait) x(signal) x(broadcast) x(rdlock)        \
                    x(wrlock) x(sem_wait) x(sleep)

#define NUMBER(name) CALL_##name,
#define NAME(name) #name " "
enum call { CALL_NONE, CALLS(NUMBER) };
static const char names[] = CALLS(NAME);

static struct head *head; /* NULL: nothing is noted */
static uint16_t ports[FDS_MAX];
static uint8_t kinds[FDS_MAX];
static pthread_key_t ends_key;
static __thread int self __attribute__((tls_model("initial-exec")));
static __thread struct note *lifetime
    __attribute__((tls_model("initial-exec")));

/* The next definition of a name, behind ours. Some have a version that dlsym(3)
 * does not find by itself: it is the old one that it finds. */
static void *next(const char *name, const char *version)
{
    void *found = version ? dlvsym(RTLD_NEXT, name, version) : NULL;

    return found != NULL ? found : dlsym(RTLD_NEXT, name);
}

/* Declares real, which is the function of this name that the program meant. */
#define REAL(name) REAL_OF(name, NULL)
#define REAL_OF(name, version)                                                 \
    static __typeof__(name) *real;                                             \
    if (real == NULL)                                                          \
    *(void **)&real = next(#name, version)

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- notes --- */

/* A note of a call that begins now; NULL if there is no room. */
static struct note *begin(enum call call, uint64_t object, uint64_t more)
{
    struct head *h = head;
    struct note *n;
    uint64_t i;

    if (h == NULL || (i = atomic_fetch_add(&h->notes, 1)) >= h->most)
        return NULL;
    if (self == 0)
        self = (int)syscall(SYS_gettid);
    n = (struct note *)((char *)h + NOTES_AT) + i;
    n->tid = self;
    n->call = call;
    n->fd = -1;
    n->object = object;
    n->more = more;
    atomic_store_explicit(&n->begin, now(), memory_order_release);
    return n;
}

static struct note *begin_fd(enum call call, int fd, uint64_t bytes)
{
    struct note *n = begin(call, bytes, 0);

    if (n == NULL)
        return NULL;
    n->fd = fd;
    if (fd == STDIN_FILENO)
        n->kind = CONSOLE;
    if (fd >= 0 && fd < FDS_MAX) {
        n->port = ports[fd];
        n->kind |= kinds[fd];
    }
    return n;
}

/* The call has returned. errno stays what the call has made it. */
static void end(struct note *n, int64_t result, int failed)
{
    int saved = errno;

    if (n == NULL)
        return;
    n->result = result;
    n->error = failed ? saved : 0;
    atomic_store_explicit(&n->end, now(), memory_order_release);
    errno = saved;
}

static void end_lifetime(void *note)
{
    end(note, 0, 0);
}

/* From now on this thread's life is noted. */
static void live(void)
{
    lifetime = begin(CALL_thread, 0, 0);
    if (lifetime != NULL)
        pthread_setspecific(ends_key, lifetime);
}

static void be_silent(void)
{
    head = NULL;
}

static void open_file(int fd)
{
    struct stat st;
    struct head *h;

    if (fstat(fd, &st) < 0 || st.st_size < NOTES_AT)
        return;
    h = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
             0);
    if (h == MAP_FAILED)
        return;
    h->most = ((uint64_t)st.st_size - NOTES_AT) / sizeof(struct note);
    h->born = now();
    h->pid = getpid();
    memcpy((char *)h + NAMES_AT, names, sizeof names);
    memcpy(h->magic, "KITTRACE", sizeof h->magic);
    head = h;
}

__attribute__((constructor)) static void set_up(void)
{
    const char *fd = getenv("TRACE_FD");

    if (fd == NULL || pthread_key_create(&ends_key, end_lifetime) != 0)
        return;
    open_file(atoi(fd));
    syscall(SYS_close, atoi(fd));
    unsetenv("TRACE_FD");
    unsetenv("LD_PRELOAD");
    pthread_atfork(NULL, NULL, be_silent);
    live();
}

/* --- descriptors --- */

static int port_of(const struct sockaddr *who)
{
    if (who->sa_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)who)->sin_port);
    if (who->sa_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)who)->sin6_port);
    return 0;
}

/* Remembers who is at the other end of a descriptor that accept() returned: one
 * who has gone by now is known only by the address that it gave. */
static void meet(struct note *n, int fd, const struct sockaddr *given)
{
    struct sockaddr_storage who;
    socklen_t len = sizeof who;
    int saved = errno;

    if (fd >= 0 && fd < FDS_MAX) {
        if (getpeername(fd, (struct sockaddr *)&who, &len) == 0)
            given = (struct sockaddr *)&who;
        ports[fd] = given != NULL ? (uint16_t)port_of(given) : 0;
        kinds[fd] = CLIENT;
        if (n != NULL)
            n->port = ports[fd];
    }
    errno = saved;
}

/* It means nothing any more; to be called before it is closed, for behind that
 * another thread may be given the same number. */
static void part(int fd)
{
    if (fd >= 0 && fd < FDS_MAX)
        ports[fd] = kinds[fd] = 0;
}

static void same(int from, int to)
{
    if (from < 0 || from >= FDS_MAX || to < 0 || to >= FDS_MAX)
        return;
    ports[to] = ports[from];
    kinds[to] = kinds[from];
}

/* Notes who poll() waits for, or, after it, the first that is ready. */
static void look_at(struct note *n, const struct pollfd *fds, nfds_t many,
                    int after)
{
    for (nfds_t i = 0; n != NULL && i < many; i++) {
        int fd = fds[i].fd;

        if (fd < 0 || fd >= FDS_MAX)
            continue;
        if (after && fds[i].revents != 0) {
            n->fd = fd;
            n->port = ports[fd];
            return;
        }
        n->kind |= kinds[fd] | (fd == STDIN_FILENO ? CONSOLE : 0);
        if (kinds[fd] == CLIENT && (fds[i].events & POLLOUT)) {
            n->kind |= TO_SEND;
            n->port = ports[fd];
        }
    }
}

/* --- the calls: descriptors --- */

/* A call whose first argument is a descriptor, and which fails with -1. */
#define ON_FD(type, name, call, parameters, arguments, bytes)                  \
    type name parameters                                                       \
    {                                                                          \
        REAL(name);                                                            \
        struct note *n = begin_fd(CALL_##call, fd, bytes);                     \
        type r = real arguments;                                               \
                                                                               \
        end(n, r, r < 0);                                                      \
        return r;                                                              \
    }

ON_FD(ssize_t, recv, recv, (int fd, void *buf, size_t size, int flags),
      (fd, buf, size, flags), size)
ON_FD(ssize_t, recvfrom, recv,
      (int fd, void *buf, size_t size, int flags, struct sockaddr *who,
       socklen_t *len),
      (fd, buf, size, flags, who, len), size)
ON_FD(ssize_t, send, send, (int fd, const void *buf, size_t size, int flags),
      (fd, buf, size, flags), size)
ON_FD(ssize_t, sendto, send,
      (int fd, const void *buf, size_t size, int flags,
       const struct sockaddr *who, socklen_t len),
      (fd, buf, size, flags, who, len), size)
ON_FD(ssize_t, read, read, (int fd, void *buf, size_t size), (fd, buf, size),
      size)
ON_FD(ssize_t, write, write, (int fd, const void *buf, size_t size),
      (fd, buf, size), size)
ON_FD(int, shutdown, shutdown, (int fd, int how), (fd, how), (uint64_t)how)
ON_FD(int, connect, connect,
      (int fd, const struct sockaddr *who, socklen_t len), (fd, who, len), 0)

/* With _FORTIFY_SOURCE the compiler may call these instead. */
#define FORTIFIED(type, name, parameters, arguments)                           \
    type name parameters;                                                      \
    type name parameters                                                       \
    {                                                                          \
        return arguments;                                                      \
    }

FORTIFIED(ssize_t, __recv_chk,
          (int fd, void *buf, size_t size, size_t room, int flags),
          ((void)room, recv(fd, buf, size, flags)))
FORTIFIED(ssize_t, __read_chk, (int fd, void *buf, size_t size, size_t room),
          ((void)room, read(fd, buf, size)))
FORTIFIED(int, __poll_chk,
          (struct pollfd * fds, nfds_t many, int ms, size_t room),
          ((void)room, poll(fds, many, ms)))
FORTIFIED(char *, __fgets_chk, (char *s, size_t room, int size, FILE *f),
          ((void)room, fgets(s, size, f)))

int listen(int fd, int backlog)
{
    REAL(listen);
    struct note *n = begin_fd(CALL_listen, fd, 0);
    int r = real(fd, backlog);

    if (r == 0 && fd >= 0 && fd < FDS_MAX)
        kinds[fd] = LISTENER;
    end(n, r, r < 0);
    return r;
}

int accept(int fd, struct sockaddr *who, socklen_t *len)
{
    REAL(accept);
    struct note *n = begin_fd(CALL_accept, fd, 0);
    int r = real(fd, who, len);

    meet(n, r, who);
    end(n, r, r < 0);
    return r;
}

int accept4(int fd, struct sockaddr *who, socklen_t *len, int flags)
{
    REAL(accept4);
    struct note *n = begin_fd(CALL_accept, fd, 0);
    int r = real(fd, who, len, flags);

    meet(n, r, who);
    end(n, r, r < 0);
    return r;
}

int close(int fd)
{
    REAL(close);
    struct note *n = begin_fd(CALL_close, fd, 0);
    int r;

    part(fd);
    r = real(fd);
    end(n, r, r < 0);
    return r;
}

int dup(int fd)
{
    REAL(dup);
    int r = real(fd);

    same(fd, r);
    return r;
}

int dup2(int from, int to)
{
    REAL(dup2);
    int r = real(from, to);

    same(from, r);
    return r;
}

int poll(struct pollfd *fds, nfds_t many, int ms)
{
    REAL(poll);
    struct note *n = begin(CALL_poll, many, (uint64_t)(int64_t)ms);
    int r;

    look_at(n, fds, many, 0);
    r = real(fds, many, ms);
    if (r > 0)
        look_at(n, fds, many, 1);
    end(n, r, r < 0);
    return r;
}

int select(int many, fd_set *in, fd_set *out, fd_set *bad,
           struct timeval *limit)
{
    REAL(select);
    struct note *n = begin(CALL_select, (uint64_t)many, 0);
    int r = real(many, in, out, bad, limit);

    end(n, r, r < 0);
    return r;
}

int epoll_wait(int fd, struct epoll_event *events, int many, int ms)
{
    REAL(epoll_wait);
    struct note *n = begin(CALL_epoll_wait, (uint64_t)many, 0);
    int r = real(fd, events, many, ms);

    end(n, r, r < 0);
    return r;
}

/* --- the calls: streams --- */

char *fgets(char *s, int size, FILE *f)
{
    REAL(fgets);
    struct note *n = begin_fd(CALL_fgets, fileno(f), (uint64_t)size);
    char *r = real(s, size, f);

    end(n, r != NULL ? (int64_t)strlen(r) : 0, 0);
    return r;
}

/* <stdio.h> may have made getline() an inline function by now. */
ssize_t our_getline(char **line, size_t *size, FILE *f) __asm__("getline");
ssize_t our_getline(char **line, size_t *size, FILE *f)
{
    REAL(getline);
    struct note *n = begin_fd(CALL_getline, fileno(f), 0);
    ssize_t r = real(line, size, f);

    end(n, r, 0);
    return r;
}

ssize_t __getdelim(char **line, size_t *size, int delimiter, FILE *f);
ssize_t __getdelim(char **line, size_t *size, int delimiter, FILE *f)
{
    REAL(__getdelim);
    struct note *n = begin_fd(CALL_getline, fileno(f), 0);
    ssize_t r = real(line, size, delimiter, f);

    end(n, r, 0);
    return r;
}

size_t fread(void *buf, size_t size, size_t many, FILE *f)
{
    REAL(fread);
    struct note *n = begin_fd(CALL_fread, fileno(f), size * many);
    size_t r = real(buf, size, many, f);

    end(n, (int64_t)(r * size), 0);
    return r;
}

int fflush(FILE *f)
{
    REAL(fflush);
    struct note *n = f ? begin_fd(CALL_fflush, fileno(f), 0) : NULL;
    int r = real(f);

    end(n, r, r != 0);
    return r;
}

/* --- the calls: locks and conditions --- */

static uint64_t number(const volatile void *object)
{
    return (uint64_t)(uintptr_t)object;
}

static int holder(const pthread_mutex_t *m)
{
#ifdef __GLIBC__
    return *(const volatile int *)&m->__data.__owner;
#else
    (void)m;
    return 0;
#endif
}

int pthread_mutex_lock(pthread_mutex_t *m)
{
    REAL(pthread_mutex_lock);
    struct note *n = begin(CALL_lock, number(m), 0);
    int r;

    if (n != NULL)
        n->other = holder(m);
    r = real(m);
    end(n, r, 0);
    return r;
}

/* A call on one object that returns 0, or an error's number. */
#define ON_OBJECT(name, call, parameters, arguments, object)                   \
    int name parameters                                                        \
    {                                                                          \
        REAL(name);                                                            \
        struct note *n = begin(CALL_##call, number(object), 0);                \
        int r = real arguments;                                                \
                                                                               \
        end(n, r, 0);                                                          \
        return r;                                                              \
    }

ON_OBJECT(pthread_mutex_trylock, trylock, (pthread_mutex_t * m), (m), m)
ON_OBJECT(pthread_rwlock_rdlock, rdlock, (pthread_rwlock_t * m), (m), m)
ON_OBJECT(pthread_rwlock_wrlock, wrlock, (pthread_rwlock_t * m), (m), m)
ON_OBJECT(sem_wait, sem_wait, (sem_t * s), (s), s)

/* What gives a lock back is noted as over before it is: the next to hold it may
 * have it before we could look at the clock. */
#define GIVES_BACK(name, type)                                                 \
    int name(type *m)                                                          \
    {                                                                          \
        REAL(name);                                                            \
                                                                               \
        end(begin(CALL_unlock, number(m), 0), 0, 0);                           \
        return real(m);                                                        \
    }

GIVES_BACK(pthread_mutex_unlock, pthread_mutex_t)
GIVES_BACK(pthread_rwlock_unlock, pthread_rwlock_t)

int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    REAL_OF(pthread_cond_wait, "GLIBC_2.3.2");
    struct note *n = begin(CALL_cond_wait, number(c), number(m));
    int r = real(c, m);

    end(n, r, 0);
    return r;
}

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m,
                           const struct timespec *limit)
{
    REAL_OF(pthread_cond_timedwait, "GLIBC_2.3.2");
    struct note *n = begin(CALL_cond_wait, number(c), number(m));
    int r = real(c, m, limit);

    end(n, r, 0);
    return r;
}

int pthread_cond_signal(pthread_cond_t *c)
{
    REAL_OF(pthread_cond_signal, "GLIBC_2.3.2");

    end(begin(CALL_signal, number(c), 0), 0, 0);
    return real(c);
}

int pthread_cond_broadcast(pthread_cond_t *c)
{
    REAL_OF(pthread_cond_broadcast, "GLIBC_2.3.2");

    end(begin(CALL_broadcast, number(c), 0), 0, 0);
    return real(c);
}

/* --- the calls: threads, and time --- */

struct start {
    void *(*run)(void *);
    void *arg;
    struct note *note; /* of its creation */
};

static void *run(void *arg)
{
    struct start s = *(struct start *)arg;

    free(arg);
    live();
    if (s.note != NULL)
        s.note->other = self;
    return s.run(s.arg);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                   void *(*start)(void *), void *arg)
{
    REAL(pthread_create);
    struct start *s = head != NULL ? malloc(sizeof *s) : NULL;
    int r;

    if (s == NULL)
        return real(thread, attr, start, arg);
    *s = (struct start){start, arg, begin(CALL_create, 0, 0)};
    struct note *n = s->note;
    r = real(thread, attr, run, s);
    if (r != 0)
        free(s);
    end(n, r, 0);
    return r;
}

int pthread_join(pthread_t thread, void **result)
{
    REAL(pthread_join);
    struct note *n = begin(CALL_join, (uint64_t)thread, 0);
    int r = real(thread, result);

    end(n, r, 0);
    return r;
}

int nanosleep(const struct timespec *t, struct timespec *left)
{
    REAL(nanosleep);
    struct note *n = begin(CALL_sleep, 0, 0);
    int r = real(t, left);

    end(n, r, r < 0);
    return r;
}

unsigned sleep(unsigned s)
{
    REAL(sleep);
    struct note *n = begin(CALL_sleep, 0, 0);
    unsigned r = real(s);

    end(n, r, 0);
    return r;
}

int usleep(useconds_t us)
{
    REAL(usleep);
    struct note *n = begin(CALL_sleep, 0, 0);
    int r = real(us);

    end(n, r, r < 0);
    return r;
}
