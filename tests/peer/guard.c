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
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/personality.h>
#include <sys/prctl.h>
#endif

extern char **environ;

static struct sandbox box; /* what every program gets; the user is its own */

void guard_init(const struct sandbox *s)
{
    box = *s;
#ifdef PR_SET_CHILD_SUBREAPER
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
#endif
}

/* Has user to ourselves until we end: one byte of a file of root's is locked
 * for each, see fcntl(2). 0, or -1 when another has it. Where there is no such
 * file luck must do; other systems bound no user by what another program does.
 */
static int claim(unsigned user)
{
#ifdef __linux__
    static int fd = -1;
    struct flock one = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = user, .l_len = 1};

    if (fd < 0)
        fd = open("/run/kit-users", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0 ? fcntl(fd, F_SETLK, &one) : 0;
#else
    (void)user;
    return 0;
#endif
}

/* One of those that are given out for a while (systemd.exec(5), DynamicUser=),
 * not the last program's, and no other's that runs now: so what one does counts
 * against no other (RLIMIT_NPROC), and none can signal another. */
static void choose_user(void)
{
    enum { FIRST = 61184, MANY = 4336 };
    static unsigned started;
    unsigned n = getpid() + started++ * (MANY / 2 + 1);

    for (int tries = 0; tries < MANY && claim(FIRST + n % MANY) < 0; tries++)
        n++;
    box.user = FIRST + n % MANY;
    box.group = box.user;
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

/* What the test and the grader's shell know, the program need not. */
static int is_harmless(const char *variable, int builds)
{
    static const char *const kept[] = {
        "LANG=",
        "LC_",
        "TZ=",
        "TERM=",
        "STRICT=",
        "ASAN_OPTIONS=",
        "LSAN_OPTIONS=",
        "TSAN_OPTIONS=",
        "UBSAN_OPTIONS=",
        NULL,
    };
    static const char *const built[] = {
        "PATH=",
        "SDKROOT=",
        "DEVELOPER_DIR=",
        NULL,
    };

    for (int i = 0; kept[i] != NULL; i++)
        if (strncmp(variable, kept[i], strlen(kept[i])) == 0)
            return 1;
    for (int i = 0; builds && built[i] != NULL; i++)
        if (strncmp(variable, built[i], strlen(built[i])) == 0)
            return 1;
    return 0;
}

/* The descriptor that a traced program inherits: beyond those that it may open,
 * or at their end. */
enum { TRACE_FD = 1023 };

/* What is loaded before it finds the descriptor by this. */
#define TRACE_FD_WORD "1023"

static void clean_environment(const struct limits *limits)
{
    static char *none[] = {NULL};
    char **old = environ;

    environ = none;
    for (; *old != NULL; old++)
        if (is_harmless(*old, limits->builds))
            putenv(*old);
    if (limits->home != NULL) {
        setenv("HOME", limits->builds ? "../tmp" : ".", 1);
        setenv("TMPDIR", limits->builds ? "../tmp" : ".", 1);
    }
    if (!limits->builds)
        setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
    /* Not for bwrap itself: it is told to set them. */
    if (limits->preload != NULL && !(box.layers & SANDBOX_BWRAP)) {
        setenv("LD_PRELOAD", limits->preload, 1);
        setenv("TRACE_FD", TRACE_FD_WORD, 1);
    }
}

/* Behind its layers, as execv(3); it need not be able to reach the program by
 * path. Returns only if that fails. */
static void run(char *argv[], const struct limits *limits)
{
    char *program = argv[0];
    int fd = open(program, O_RDONLY | O_CLOEXEC);

    if (limits->name != NULL)
        argv[0] = (char *)limits->name;
#ifdef __linux__
    if (box.layers & SANDBOX_USER)
        limit(RLIMIT_NPROC, limits->nofile > 333 ? 3 * limits->nofile : 1000);
#endif
    if (sandbox_enter(&box, fd) < 0) {
        perror("sandbox");
        return;
    }
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* setuid(2) would clear it */
    if (fd >= 0 && (box.layers & SANDBOX_USER))
        fexecve(fd, argv, environ);
#endif
    execv(program, argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
}

/* The folder that it runs in. 0, or -1 with errno set. */
static int go_home(const struct limits *limits)
{
    if (limits->home == NULL)
        return 0;
    if ((box.layers & SANDBOX_USER)
        && (chown(limits->home, box.user, box.group) < 0
            || chmod(limits->home, 0700) < 0))
        return -1;
    box.scratch = limits->home;
    box.scratch_fd = open(limits->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return box.scratch_fd < 0 ? -1 : chdir(limits->home);
}

static void set_limits(const struct limits *limits)
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 64 << 20);
    limit(RLIMIT_NOFILE, limits->nofile ? limits->nofile : 1024);
    limit(RLIMIT_STACK, 8 << 20); /* a thread's stack, too, with glibc */
    if (limits->cpu)
        limit(RLIMIT_CPU, limits->cpu);
    if (limits->address)
        limit(RLIMIT_AS, limits->address);
}

/* When memory is short, the kernel ends this one first, and not a compiler or
 * another's test: see proc(5). */
static void be_first_to_go(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd >= 0 && write(fd, "1000", 4) == 4)
        close(fd);
}

/* In the child: everything as a program started by hand would find it. */
static void become(char *argv[], const int fds[4], const struct limits *limits)
{
    int status = box.layers & SANDBOX_BWRAP ? 3 : -1;
    sigset_t none;

    setsid();
    for (int fd = 0; fd < 3; fd++)
        dup2(fds[fd], fd);
    if (limits->tty)
        ioctl(0, TIOCSCTTY, 0); /* so that Ctrl-C, typed there, reaches it */
    if (status == 3 && fds[3] != 3)
        dup2(fds[3], 3);
    if (limits->preload != NULL)
        dup2(limits->trace_fd, TRACE_FD);
    for (int fd = status == 3 ? 4 : 3; fd < 1024; fd++)
        if (limits->preload == NULL || fd != TRACE_FD)
            close(fd);
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_DFL);
    if (limits->builds)
        signal(SIGXFSZ, SIG_IGN); /* a compiler can say it better */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (go_home(limits) < 0) {
        perror(limits->home);
        _exit(127);
    }
    set_limits(limits);
    if (!limits->builds)
        be_first_to_go();
#ifdef ADDR_NO_RANDOMIZE
    /* Some ThreadSanitizers cannot live with much randomisation. */
    if (getenv("GUARD_NO_RANDOMIZE"))
        personality(ADDR_NO_RANDOMIZE);
#endif
    clean_environment(limits);
    box.preload = limits->preload;
    box.trace_fd = TRACE_FD_WORD;
    if (status == 3) {
        argv = sandbox_bwrap(&box, argv, limits->cwd ? limits->cwd : ".", 3);
        if (argv != NULL)
            execvp(argv[0], argv);
        perror("bwrap");
    } else if (limits->cwd == NULL || chdir(limits->cwd) == 0) {
        run(argv, limits);
    }
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

static pid_t program_behind(pid_t bwrap, int status_fd);

/* bwrap says on c->told how it ends, and fails if nobody listens. */
static void reaped(struct child *c)
{
    c->alive = 0;
    if (c->told >= 0)
        close(c->told);
    c->told = -1;
    if ((box.layers & SANDBOX_BWRAP) && WIFEXITED(c->status)
        && WEXITSTATUS(c->status) > 128)
        c->status = WEXITSTATUS(c->status) - 128; /* so it tells of a signal */
}

/* Pipes, or a terminal, for the child's end (theirs, and a pipe on which bwrap
 * tells) and ours. 0, or -1 with errno set. */
static int open_ends(int theirs[4], int mine[4], int tty)
{
    int in[2], out[2], err[2], status[2] = {-1, -1};

    if (pipe(err) < 0 || ((box.layers & SANDBOX_BWRAP) && pipe(status) < 0))
        return -1;
    if (tty) {
        if (open_tty(&in[1], &in[0]) < 0)
            return -1;
        out[0] = in[1];
        out[1] = in[0];
    } else if (pipe(in) < 0 || pipe(out) < 0) {
        return -1;
    }
    theirs[0] = in[0], theirs[1] = out[1];
    theirs[2] = err[1], theirs[3] = status[1];
    mine[0] = in[1], mine[1] = out[0];
    mine[2] = err[0], mine[3] = status[0];
    return 0;
}

int guard_start(struct child *c, char *argv[], const struct limits *limits)
{
    int theirs[4], mine[4];

    if (open_ends(theirs, mine, limits->tty) < 0)
        return -1;
    if (box.layers & SANDBOX_USER)
        choose_user();
    c->pid = fork();
    if (c->pid < 0) {
        c->pid = 0;
        return -1;
    }
    if (c->pid == 0)
        become(argv, theirs, limits);
    close(theirs[0]);
    if (!limits->tty)
        close(theirs[1]);
    close(theirs[2]);
    c->waited = c->pid;
    c->in = ours(mine[0]);
    c->out = ours(mine[1]);
    c->err = ours(mine[2]);
    c->alive = 1;
    c->told = mine[3];
    if (theirs[3] >= 0) {
        close(theirs[3]);
        c->pid = program_behind(c->waited, mine[3]);
        if (c->pid == 0)
            c->pid = c->waited;
    }
    return 0;
}

int guard_alive(struct child *c)
{
    if (c->alive && waitpid(c->waited, &c->status, WNOHANG) == c->waited) {
        reaped(c);
        kill(-c->waited, SIGKILL); /* now: later the number may be another's */
    }
    return c->alive;
}

/* What /proc/PID/stat says into text, which has size bytes; what stands behind
 * the program's name in it, or NULL where nothing tells. A name may hold
 * anything, a newline and a parenthesis too. */
static const char *stat_of(const char *pid, char *text, int size)
{
    char path[300];
    size_t n;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    f = fopen(path, "r");
    if (f == NULL)
        return NULL;
    n = fread(text, 1, size - 1, f);
    text[n] = '\0';
    fclose(f);
    return strrchr(text, ')');
}

/* The parent of a process as /proc tells; 0 if it does not. */
static int parent_of(const char *pid)
{
    char line[512];
    const char *p = stat_of(pid, line, sizeof line);
    int parent = 0;

    if (p == NULL || sscanf(p, ") %*c %d", &parent) != 1)
        return 0;
    return parent;
}

/* The child of bwrap's first process, once it is bwrap no more; 0: not yet. */
static pid_t child_of(int parent)
{
    DIR *proc = opendir("/proc");
    pid_t found = 0;
    struct dirent *d;
    char line[512];

    while (proc != NULL && found == 0 && (d = readdir(proc)) != NULL)
        if (atoi(d->d_name) > 0 && parent_of(d->d_name) == parent
            && stat_of(d->d_name, line, sizeof line) != NULL
            && strstr(line, "(bwrap)") == NULL)
            found = atoi(d->d_name);
    if (proc != NULL)
        closedir(proc);
    return found;
}

static int is_over(pid_t pid)
{
    siginfo_t info = {0};

    return waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0
           || info.si_pid == pid;
}

/* bwrap says {"child-pid": N}: that is the first process in there, and the
 * program is its child. 0 if bwrap has ended before there was one. */
static pid_t program_behind(pid_t bwrap, int status_fd)
{
    char text[256], *p;
    ssize_t n = read(status_fd, text, sizeof text - 1);
    pid_t found = 0;
    int first;

    text[n > 0 ? n : 0] = '\0';
    p = strstr(text, "\"child-pid\":");
    if (p == NULL || sscanf(p + 12, "%d", &first) != 1)
        return 0;
    while (found == 0 && !is_over(bwrap)) {
        found = child_of(first);
        if (found == 0)
            poll(NULL, 0, 1);
    }
    return found;
}

int guard_stopped(struct child *c)
{
    char line[512], pid[16];
    const char *p;

    if (!guard_alive(c))
        return -1;
    snprintf(pid, sizeof pid, "%d", (int)c->pid);
    p = stat_of(pid, line, sizeof line);
    if (p != NULL)
        return p[2] == 'T';
    return waitpid(c->waited, &c->status, WNOHANG | WUNTRACED) == c->waited
           && WIFSTOPPED(c->status);
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
    kill(-c->waited, SIGKILL);
    kill(c->waited, SIGKILL);
    while (waitpid(c->waited, &c->status, 0) < 0 && errno == EINTR)
        ;
    reaped(c);
}

void guard_clean(void)
{
    /* Again and again: some may have been forked while we looked. */
    while (waitpid(-1, NULL, WNOHANG) >= 0)
        if (signal_descendants(SIGKILL) == 0)
            poll(NULL, 0, 5);
}
