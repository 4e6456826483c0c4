/* processes: how the programs fare: how they ended, whether they do harm, and
 * what the system knows of them (much of it on Linux only). */
#include "peer.h"
#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* A program is ended that has... */
enum {
    RSS_MAX = 2 << 20, /* so many KiB of memory, */
    FORKS_MAX = 500,   /* or so many descendants, */
    COUNT_MS = 1000,   /* which are counted so often, */
    DISK_MAX = 256     /* or so many MiB of files */
};

/* How a program ended, in one word: exit0, sigpipe, sanitizer ... */
const char *ending(const struct prog *g)
{
    static char word[32];
    int sig = WIFSIGNALED(g->child.status) ? WTERMSIG(g->child.status) : 0;

    if (g->child.alive)
        return "alive";
    if (g->excess != NULL)
        return g->excess;
    if (g->err.p && strstr(g->err.p, "ERROR: LeakSanitizer"))
        return "leak";
    if (g->err.p
        && (strstr(g->err.p, "ERROR: AddressSanitizer")
            || strstr(g->err.p, "runtime error:")))
        return "sanitizer";
    if (sig == SIGPIPE)
        return "sigpipe";
    if (sig != 0)
        snprintf(word, sizeof word, "signal%d", sig);
    else
        snprintf(word, sizeof word, "exit%d", WEXITSTATUS(g->child.status));
    return word;
}

/* For until(): has this program ended? */
int has_ended(void *arg)
{
    return !((struct prog *)arg)->child.alive;
}

/* Was it started, and has it ended? */
int has_died(const struct prog *g)
{
    return g->child.pid != 0 && !g->child.alive;
}

/* The server may have died a moment before we see it: its sockets close
 * first. Waits for that, in a failing test only. Returns the class. */
const char *why_closed(struct prog *server)
{
    int saved = stage.deadline_ms;

    if (server->child.pid == 0)
        return "closed";
    if (stage.deadline_ms > 2000)
        stage.deadline_ms = 2000;
    until(has_ended, server);
    stage.deadline_ms = saved;
    return server->child.alive ? "closed" : ending(server);
}

/* How many KiB of memory a process has; 0 where nothing tells. */
long memory_of(pid_t pid)
{
    char path[64];
    long pages = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    f = fopen(path, "r");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* How many threads this machine has; 0 where nothing tells. */
static long threads_everywhere(void)
{
    FILE *f = fopen("/proc/loadavg", "r");
    long n = 0;

    if (f == NULL)
        return 0;
    if (fscanf(f, "%*s %*s %*s %*d/%ld", &n) != 1)
        n = 0;
    fclose(f);
    return n;
}

/* How many there were before any program was started by us. */
static long threads_before;
static long next_count; /* ms */

/* How many MiB are free where the program writes; 0 where nothing tells. */
static long free_space(void)
{
    struct statvfs fs;

    if (statvfs(stage.home, &fs) < 0)
        return 0;
    return (long)((double)fs.f_bavail * fs.f_frsize / (1 << 20));
}

/* The same before any program was started by us. */
static long free_before;

static long long disk_used;

static int add_size(const char *path, const struct stat *st, int type,
                    struct FTW *at)
{
    (void)path, (void)at;
    if (type == FTW_DNR) /* it hides how much it is */
        disk_used += (long long)DISK_MAX << 20;
    else if (type != FTW_NS)
        disk_used += st->st_blocks * 512LL;
    return 0;
}

/* Others write as well: if there is less, it need not be the program's. */
static int fills_disk(const struct prog *g)
{
    if (free_space() >= free_before - DISK_MAX)
        return 0;
    disk_used = 0;
    nftw(home_of(g), add_size, 16, FTW_PHYS);
    return disk_used >= (long long)DISK_MAX << 20;
}

/* To count our own is to look at every process there is, so the number of all
 * is asked first; but once a second we count anyway, for as many of others may
 * have ended meanwhile. */
static int forks_without_end(void)
{
    long now = now_ms();

    if (threads_everywhere() <= threads_before + FORKS_MAX && now < next_count)
        return 0;
    next_count = now + COUNT_MS;
    return guard_descendants() > FORKS_MAX;
}

/* Why a program must be ended before it harms the machine, or NULL. */
static const char *too_much(const struct prog *g)
{
    if (g->out.len >= LOG_MAX || g->err.len >= LOG_MAX
        || stage.said >= SAID_MAX)
        return "flood";
    if (memory_of(g->child.pid) > RSS_MAX)
        return "memory";
    if (fills_disk(g))
        return "disk";
    if (forks_without_end())
        return "forks";
    return NULL;
}

static void look_after(struct prog *g)
{
    const char *why;

    if (g->child.pid == 0 || !g->child.alive)
        return;
    why = too_much(g);
    if (why == NULL)
        return;
    g->excess = why;
    guard_end(&g->child);
    guard_clean();
}

void look_after_all(void)
{
    static long next;

    if (now_ms() < next)
        return;
    for (int i = 0; program(i) != NULL; i++)
        look_after(program(i));
    next = now_ms() + WATCH_MS;
}

/* How it is before any program is started: what is more later is theirs. */
void remember_before(void)
{
    threads_before = threads_everywhere();
    next_count = now_ms() + COUNT_MS;
    free_before = free_space();
}

/* Counts the threads that are alive, and those of them that sleep; 0 where
 * there is no /proc. */
int count_threads(const struct prog *g, int *asleep)
{
    char path[300], line[512], *p;
    struct dirent *d;
    DIR *tasks;
    FILE *f;
    int n = 0;

    *asleep = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)g->child.pid);
    tasks = opendir(path);
    while (tasks != NULL && (d = readdir(tasks)) != NULL) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)g->child.pid,
                 d->d_name);
        f = d->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (f == NULL)
            continue;
        line[fread(line, 1, sizeof line - 1, f)] = '\0';
        p = strrchr(line, ')'); /* a thread's name may hold a newline */
        fclose(f);
        if (p == NULL || p[2] == 'Z' || p[2] == 'X')
            continue;
        n++;
        *asleep += p[2] == 'S' && strstr(line, "(pauses)") == NULL;
    }
    if (tasks != NULL)
        closedir(tasks);
    return n;
}

/* Do all its threads sleep? */
static int sleeps(const struct prog *g)
{
    int asleep, n = count_threads(g, &asleep);

    return n > 0 && asleep == n;
}

/* What a server has to do may be on its way to it through others: does each of
 * them sleep, or has it been frozen? */
static int others_sleep(const struct prog *server)
{
    struct prog *g;

    for (int i = 0; (g = program(i)) != NULL && i < 2 + stage.nothers; i++)
        if (g != server && g->child.alive && !g->frozen && !sleeps(g))
            return 0;
    return 1;
}

/* One more look, if it is time for one: has it been at rest for three? And if
 * it is a server, the other servers and the broker, too? */
int rests(struct rest *r)
{
    if (!sleeps(r->prog)
        || (!is_client(r->prog->name) && !others_sleep(r->prog))) {
        r->looks = 0;
    } else if (r->looks == 0 || now_ms() - r->last >= 10) {
        r->looks++;
        r->last = now_ms();
    }
    return r->looks == 3;
}

/* Do all its threads sleep, as far as can be told? */
int is_stuck(const struct prog *g)
{
    int asleep, n = count_threads(g, &asleep);

    return n == 0 || n == asleep;
}

/* How many a process has open; 0 where nothing tells. */
int count_descriptors(pid_t pid)
{
    char path[64];
    struct dirent *d;
    DIR *fds;
    int n = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    fds = opendir(path);
    while (fds != NULL && (d = readdir(fds)) != NULL)
        n += d->d_name[0] != '.';
    if (fds != NULL)
        closedir(fds);
    return n;
}

/* What /proc/PID/stat says in its Nth field, or -1. */
long stat_field(pid_t pid, int n)
{
    char path[64], line[1024], *p;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    f = fopen(path, "r");
    if (f == NULL)
        return -1;
    p = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    fclose(f);
    for (int i = 2; p != NULL && i < n; i++)
        p = strchr(p + 1, ' ');
    return p != NULL ? atol(p) : -1;
}
