/* guard: starts a program so that it cannot outlive or disturb its test. */
#define _XOPEN_SOURCE 700
#if defined(__linux__) || defined(__APPLE__)
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#endif
#include "guard.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/personality.h>
#include <sys/prctl.h>
#endif

extern char **environ;

/* Whom a program runs as when we are root; 0: as whom we are ourselves. */
static uid_t user;
static gid_t group;

void guard_init(void)
{
#ifdef __linux__
    struct passwd *nobody = geteuid() == 0 ? getpwnam("nobody") : NULL;

    if (nobody != NULL) {
        /* One of those that are given out for a while (systemd.exec(5),
         * DynamicUser=): so what one program does counts against no other. */
        user = 61184 + getpid() % 4336;
        group = nobody->pw_gid;
    }
#endif
#ifdef PR_SET_CHILD_SUBREAPER
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
#endif
}

static void limit(int what, rlim_t most)
{
    struct rlimit r;

    getrlimit(what, &r);
    if (r.rlim_max == RLIM_INFINITY || r.rlim_max > most)
        r.rlim_max = most;
    r.rlim_cur = r.rlim_max;
    setrlimit(what, &r);
}

/* What the test knows, the program need not: where its verdict goes, say. */
static void forget_test(void)
{
    static const char *const ours[] = {"KIT_", "BATS_", "PEER_", "GUARD_"};
    char name[64];

    for (char **e = environ; *e != NULL;) {
        size_t i = 0, n = strcspn(*e, "=");

        while (i < 4 && strncmp(*e, ours[i], strlen(ours[i])) != 0)
            i++;
        if (i == 4 || n >= sizeof name) {
            e++;
            continue;
        }
        memcpy(name, *e, n);
        name[n] = '\0';
        unsetenv(name); /* moves the next one here */
    }
}

/* As execv(3), but as the user: who is not root can neither signal the test
 * nor write to its files, and need not be able to reach the program by path. */
static void run(char *argv[])
{
#ifdef __linux__
    int fd = open(argv[0], O_RDONLY | O_CLOEXEC);

    if (user != 0) {
        limit(RLIMIT_NPROC, 1000);
        if (setgroups(0, NULL) < 0 || setgid(group) < 0 || setuid(user) < 0)
            return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* setuid(2) would clear it */
    if (fd >= 0 && user != 0)
        fexecve(fd, argv, environ);
#endif
    execv(argv[0], argv);
}

/* In the child: everything as a program started by hand would find it. */
static void become(char *argv[], int in, int out, int err,
                   const struct limits *limits)
{
    sigset_t none;

    setsid();
    if (limits->home != NULL && chdir(limits->home) < 0)
        _exit(127);
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 64 << 20);
    limit(RLIMIT_NOFILE, limits->nofile ? limits->nofile : 1024);
    if (limits->address) {
        limit(RLIMIT_AS, limits->address);
        limit(RLIMIT_STACK, 8 << 20); /* a thread's stack, with glibc */
    }
#ifdef ADDR_NO_RANDOMIZE
    /* Some ThreadSanitizers cannot live with much randomisation. */
    if (getenv("GUARD_NO_RANDOMIZE"))
        personality(ADDR_NO_RANDOMIZE);
#endif
    forget_test();
    run(argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static int ours(int fd)
{
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

/* A new terminal: our end in *ours, the program's in *theirs. */
static int open_tty(int *ours, int *theirs)
{
    *ours = posix_openpt(O_RDWR | O_NOCTTY);
    if (*ours < 0 || grantpt(*ours) < 0 || unlockpt(*ours) < 0)
        return -1;
    *theirs = open(ptsname(*ours), O_RDWR | O_NOCTTY);
    return *theirs < 0 ? -1 : 0;
}

int guard_start(struct child *c, char *argv[], const struct limits *limits)
{
    int in[2], out[2], err[2];

    if (pipe(err) < 0)
        return -1;
    if (limits->tty) {
        if (open_tty(&in[1], &in[0]) < 0)
            return -1;
        out[0] = in[1];
        out[1] = in[0];
    } else if (pipe(in) < 0 || pipe(out) < 0) {
        return -1;
    }
    c->pid = fork();
    if (c->pid < 0) {
        c->pid = 0;
        return -1;
    }
    if (c->pid == 0)
        become(argv, in[0], out[1], err[1], limits);
    close(in[0]);
    if (!limits->tty)
        close(out[1]);
    close(err[1]);
    c->in = ours(in[1]);
    c->out = ours(out[0]);
    c->err = ours(err[0]);
    c->alive = 1;
    return 0;
}

int guard_alive(struct child *c)
{
    if (c->alive && waitpid(c->pid, &c->status, WNOHANG) == c->pid) {
        c->alive = 0;
        kill(-c->pid, SIGKILL); /* now: later the number may be another's */
    }
    return c->alive;
}

/* The parent of a process as /proc tells; 0 if it does not. */
static int parent_of(const char *pid)
{
    char path[300], line[512], *p;
    int parent = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    f = fopen(path, "r");
    if (f == NULL)
        return 0;
    p = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    if (p == NULL || sscanf(p, ") %*c %d", &parent) != 1)
        parent = 0;
    fclose(f);
    return parent;
}

/* Sends sig (0: nothing) to all our descendants, as far as /proc tells, and
 * returns how many there are. /proc counts upwards, as processes are born: who
 * is forked meanwhile comes behind its parent, and is met as well. */
static int signal_descendants(int sig)
{
    enum { MOST = 1 << 22 }; /* the kernel's own limit to a pid */
    static unsigned char descends[MOST];
    DIR *proc = opendir("/proc");
    struct dirent *d;
    int found = 0;

    memset(descends, 0, sizeof descends);
    while (proc != NULL && (d = readdir(proc)) != NULL) {
        int pid = atoi(d->d_name), parent;

        if (pid <= 0 || pid >= MOST)
            continue;
        parent = parent_of(d->d_name);
        if (parent != getpid()
            && (parent <= 0 || parent >= MOST || !descends[parent]))
            continue;
        descends[pid] = 1;
        found++;
        if (sig != 0)
            kill(pid, sig);
    }
    if (proc != NULL)
        closedir(proc);
    return found;
}

int guard_descendants(void)
{
    return signal_descendants(0);
}

void guard_end(struct child *c)
{
    if (!guard_alive(c))
        return;
    kill(-c->pid, SIGKILL);
    kill(c->pid, SIGKILL);
    while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
        ;
    c->alive = 0;
}

void guard_clean(void)
{
    /* Again and again: some may have been forked while we looked. */
    while (waitpid(-1, NULL, WNOHANG) >= 0)
        if (signal_descendants(SIGKILL) == 0)
            poll(NULL, 0, 5);
}
