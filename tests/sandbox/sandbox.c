/* sandbox: what a stranger's program can reach, in layers. */
#ifdef __linux__
#define _GNU_SOURCE
#endif
#include "sandbox.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int layer;
} names[] = {
    {"user", SANDBOX_USER},
    {"landlock", SANDBOX_LANDLOCK},
    {"bwrap", SANDBOX_BWRAP},
};

static int layer_named(const char *word, size_t n)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == n && memcmp(names[i].name, word, n) == 0)
            return names[i].layer;
    return -1;
}

int sandbox_named(const char *words)
{
    int layers = 0;

    while (*words != '\0') {
        size_t n = strcspn(words, ",");
        int layer = layer_named(words, n);

        if (layer < 0)
            return -1;
        layers |= layer;
        words += n + (words[n] == ',');
    }
    return layers;
}

#ifndef __linux__

int sandbox_landlock_abi(void)
{
    return 0;
}

int sandbox_enter(const struct sandbox *s, int program_fd)
{
    (void)program_fd;
    errno = ENOSYS;
    return s->layers == 0 ? 0 : -1;
}

char **sandbox_bwrap(const struct sandbox *s, char *argv[], const char *cwd,
                     int status_fd)
{
    (void)s, (void)argv, (void)cwd, (void)status_fd;
    errno = ENOSYS;
    return NULL;
}

int sandbox_network(void)
{
    errno = ENOSYS;
    return -1;
}

#else

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- what every program needs of the system --- */

/* To read and execute: programs, libraries, headers, time zones. */
static const char *const trees[] = {
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/sys/devices/system",
    NULL,
};

/* To read: for the dynamic linker, getaddrinfo(3), localtime(3), sysconf(3),
 * malloc(3), and for cc, which Debian has by way of a link in alternatives.
 * Nothing here tells more than a program finds out by itself. */
static const char *const files[] = {
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/ld-musl-x86_64.path",
    "/etc/ld-musl-aarch64.path",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/alternatives",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/networks",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/uptime",
    "/proc/version",
    "/proc/filesystems",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/max_map_count",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/kernel/threads-max",
    "/proc/sys/kernel/pid_max",
    "/proc/sys/net/core/somaxconn",
    NULL,
};

/* To read and to write. */
static const char *const devices[] = {
    "/dev/null",    "/dev/zero", "/dev/full", "/dev/random",
    "/dev/urandom", "/dev/tty",  NULL,
};

/* Does path, one of the lines of hidden, lie in the tree, or is it the tree? */
static int lies_in(const char *tree, const char *path, size_t len)
{
    size_t n = strlen(tree);

    return n <= len && memcmp(tree, path, n) == 0
           && (n == len || path[n] == '/');
}

/* 2: the tree itself is hidden; 1: something in it is; 0: nothing. */
static int hides(const char *hidden, const char *tree)
{
    int found = 0;

    while (hidden != NULL && *hidden != '\0') {
        size_t len = strcspn(hidden, "\n");

        if (lies_in(tree, hidden, len))
            found = len == strlen(tree) ? 2 : found > 1 ? found : 1;
        hidden += len + (hidden[len] == '\n');
    }
    return found;
}

/* --- landlock(7) --- */

/* linux/landlock.h of this machine may be older than its kernel. */
struct ruleset {
    uint64_t handled_fs, handled_net, scoped;
};

struct beneath {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    MAKE_CHAR = 1 << 6,
    MAKE_BLOCK = 1 << 11,
    TRUNCATE = 1 << 14,
    IOCTL_DEV = 1 << 15,
    OF_ABI_1 = (1 << 13) - 1, /* all that the first version knows, */
    OF_ABI_2 = (1 << 14) - 1, /* and the later ones */
    OF_ABI_3 = (1 << 15) - 1,
    OF_ABI_5 = (1 << 16) - 1,
    OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV,
    TO_READ = EXECUTE | READ_FILE | READ_DIR,
    SCOPE_ALL = 3 /* abstract Unix sockets, and signals: from ABI 6 on */
};

int sandbox_landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

    return abi > 0 ? (int)abi : 0;
}

struct rules {
    int fd;
    uint64_t handled;
    const char *hidden;
};

/* What is not there need not be allowed. */
static int allow_fd(const struct rules *r, int fd, uint64_t rights)
{
    struct beneath rule = {rights & r->handled, fd};
    struct stat st;

    if (fd < 0)
        return 0;
    if (fstat(fd, &st) < 0)
        return -1;
    if (!S_ISDIR(st.st_mode))
        rule.allowed &= OF_A_FILE;
    return (int)syscall(SYS_landlock_add_rule, r->fd, 1, &rule, 0);
}

static int allow(const struct rules *r, const char *path, uint64_t rights)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    int done = allow_fd(r, fd, rights);

    if (fd >= 0)
        close(fd);
    return done;
}

/* Of a tree that holds what is hidden, all but that is allowed. */
static int allow_tree(const struct rules *r, const char *tree)
{
    int how = hides(r->hidden, tree), done = 0;
    char path[4096];
    struct dirent *d;
    DIR *dir;

    if (how == 2)
        return 0;
    if (how == 0)
        return allow(r, tree, TO_READ);
    dir = opendir(tree);
    while (dir != NULL && done == 0 && (d = readdir(dir)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", tree, d->d_name);
        if (d->d_type != DT_LNK && strcmp(d->d_name, ".") != 0
            && strcmp(d->d_name, "..") != 0)
            done = allow_tree(r, path);
    }
    if (dir != NULL)
        closedir(dir);
    return done;
}

static int allow_system(const struct rules *r)
{
    for (int i = 0; trees[i] != NULL; i++)
        if (allow_tree(r, trees[i]) < 0)
            return -1;
    for (int i = 0; files[i] != NULL; i++)
        if (allow(r, files[i], READ_FILE) < 0)
            return -1;
    for (int i = 0; devices[i] != NULL; i++)
        if (allow(r, devices[i], READ_FILE | WRITE_FILE | IOCTL_DEV) < 0)
            return -1;
    return allow(r, "/proc/self", READ_FILE | READ_DIR | WRITE_FILE);
}

static int enter_landlock(const struct sandbox *s, int program_fd)
{
    int abi = sandbox_landlock_abi(), done = -1;
    uint64_t fs = abi < 2   ? OF_ABI_1
                  : abi < 3 ? OF_ABI_2
                  : abi < 5 ? OF_ABI_3
                            : OF_ABI_5;
    struct ruleset set = {fs, 0, SCOPE_ALL};
    struct rules r = {-1, fs, s->hidden};

    if (abi == 0) {
        errno = ENOSYS;
        return -1;
    }
    r.fd = (int)syscall(SYS_landlock_create_ruleset, &set,
                        abi < 4   ? 8
                        : abi < 6 ? 16
                                  : sizeof set,
                        0);
    if (r.fd >= 0 && allow_system(&r) == 0
        && allow_fd(&r, program_fd, EXECUTE | READ_FILE) == 0
        && (s->scratch == NULL
            || allow_fd(&r, s->scratch_fd, fs & ~(MAKE_CHAR | MAKE_BLOCK))
                   == 0))
        done = (int)syscall(SYS_landlock_restrict_self, r.fd, 0);
    if (r.fd >= 0)
        close(r.fd);
    return done;
}

/* --- seccomp(2) --- */

/* Landlock knows nothing of a file's mode, owner and times, of sockets that
 * have a path (a session's bus, a terminal multiplexer's, an agent's), nor of
 * what may be done to another process of the same user but a signal. A program
 * that has a user of its own may do none of this anyway. */

#if defined(__x86_64__)
#define THIS_MACHINE 0xc000003eu
#elif defined(__aarch64__)
#define THIS_MACHINE 0xc00000b7u
#elif defined(__riscv) && __riscv_xlen == 64
#define THIS_MACHINE 0xc00000f3u
#endif

#ifdef THIS_MACHINE

/* From linux/audit.h, filter.h and seccomp.h, which a libc need not bring. */
enum {
    LOAD = 0x20, /* a word of what the kernel tells of the call: */
    OF_NUMBER = 0,
    OF_MACHINE = 4,
    OF_ARGUMENT = 16, /* the first one's lower half */
    SKIP = 0x05,
    SKIP_UNLESS_EQUAL = 0x15,
    SKIP_UNLESS_LEAST = 0x35,
    ANSWER = 0x06,
    FAIL = 0x00050000, /* with this errno */
    ALLOW = 0x7fff0000,
    MODE_FILTER = 2
};

struct instruction {
    uint16_t code;
    uint8_t if_so, if_not;
    uint32_t k;
};

static const unsigned refused[] = {
#ifdef SYS_chmod /* newer machines have only those with "at" */
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
#endif
    SYS_fchmod,
    SYS_fchmodat,
    452 /* fchmodat2 */,
    SYS_fchown,
    SYS_fchownat,
    SYS_utimensat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    463 /* setxattrat */,
    466 /* removexattrat */,
    469 /* file_setattr */,
    SYS_setpriority,
    SYS_ioprio_set,
    SYS_sched_setparam,
    SYS_sched_setscheduler,
    SYS_sched_setattr,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    425 /* io_uring_setup: it gets around this list */,
};

enum { REFUSED = sizeof refused / sizeof *refused };

struct filter {
    unsigned short n;
    struct instruction *at;
};

static void step(struct filter *f, int code, uint32_t k, int skip)
{
    f->at[f->n++] = (struct instruction){code, 0, skip, k};
}

/* The call nr fails if its first argument is (or, if but: is not) value. */
static void refuse_if(struct filter *f, int nr, int but, int value)
{
    uint32_t found = FAIL | EPERM, other = ALLOW;

    step(f, SKIP_UNLESS_EQUAL, nr, 4);
    step(f, LOAD, OF_ARGUMENT, 0);
    step(f, SKIP_UNLESS_EQUAL, value, 1);
    step(f, ANSWER, but ? other : found, 0);
    step(f, ANSWER, but ? found : other, 0);
}

static void write_filter(struct filter *f)
{
    step(f, LOAD, OF_MACHINE, 0);
    step(f, SKIP_UNLESS_EQUAL, THIS_MACHINE, 1);
    step(f, SKIP, 1, 0);
    step(f, ANSWER, FAIL | ENOSYS, 0); /* the calls of 32-bit programs, */
    step(f, LOAD, OF_NUMBER, 0);
    step(f, SKIP_UNLESS_LEAST, 0x40000000, 1); /* and those of x32 */
    step(f, ANSWER, FAIL | ENOSYS, 0);
    for (int i = 0; i < REFUSED; i++) {
        step(f, SKIP_UNLESS_EQUAL, refused[i], 1);
        step(f, ANSWER, FAIL | EPERM, 0);
    }
    refuse_if(f, SYS_socket, 0, AF_UNIX);
    refuse_if(f, SYS_prlimit64, 1, 0); /* 0: itself */
    refuse_if(f, SYS_sched_setaffinity, 1, 0);
    step(f, ANSWER, ALLOW, 0);
}

static int enter_seccomp(void)
{
    struct instruction room[REFUSED * 2 + 32];
    struct filter f = {0, room}; /* laid out as struct sock_fprog */

    write_filter(&f);
    return prctl(PR_SET_SECCOMP, MODE_FILTER, &f, 0, 0);
}

#else

static int enter_seccomp(void)
{
    return 0;
}

#endif

int sandbox_enter(const struct sandbox *s, int program_fd)
{
    if ((s->layers & SANDBOX_USER)
        && (setgroups(0, NULL) < 0 || setgid(s->group) < 0
            || setuid(s->user) < 0))
        return -1;
    /* Else a set-user-ID program of the system's would be another's. */
    if (s->layers != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    if ((s->layers & SANDBOX_LANDLOCK) && enter_landlock(s, program_fd) < 0)
        return -1;
    return s->layers == SANDBOX_LANDLOCK ? enter_seccomp() : 0;
}

/* --- bwrap(1) --- */

struct words {
    char **at;
    size_t n, size;
    int failed;
};

static void word(struct words *w, const char *text)
{
    if (w->n + 2 > w->size) {
        char **more = realloc(w->at, (w->size + 64) * sizeof *more);

        if (more == NULL) {
            w->failed = 1;
            return;
        }
        w->at = more;
        w->size += 64;
    }
    w->at[w->n] = strdup(text);
    w->failed |= w->at[w->n] == NULL;
    w->at[++w->n] = NULL;
}

static void bind_read_only(struct words *w, const char *path, const char *at)
{
    word(w, "--ro-bind-try");
    word(w, path);
    word(w, at);
}

static void set_variable(struct words *w, const char *name, const char *value)
{
    word(w, "--setenv");
    word(w, name);
    word(w, value);
}

/* A folder such as /bin may be a link to /usr/bin: then it is one in there. */
static void bind_tree(struct words *w, const char *tree)
{
    char target[256];
    ssize_t n = readlink(tree, target, sizeof target - 1);

    if (n < 0) {
        bind_read_only(w, tree, tree);
        return;
    }
    target[n] = '\0';
    word(w, "--symlink");
    word(w, target);
    word(w, tree);
}

/* An empty folder stands where something hidden would be seen. */
static void cover(struct words *w, const char *hidden)
{
    char path[4096];

    while (hidden != NULL && *hidden != '\0') {
        size_t n = strcspn(hidden, "\n");

        snprintf(path, sizeof path, "%.*s", (int)n, hidden);
        for (int i = 0; trees[i] != NULL; i++)
            if (lies_in(trees[i], path, n)) {
                word(w, "--tmpfs");
                word(w, path);
            }
        hidden += n + (hidden[n] == '\n');
    }
}

static int is_of_the_system(const char *path)
{
    for (int i = 0; trees[i] != NULL; i++)
        if (lies_in(trees[i], path, strlen(path)))
            return 1;
    return 0;
}

char **sandbox_bwrap(const struct sandbox *s, char *argv[], const char *cwd,
                     int status_fd)
{
    static const char *const how[] = {
        "bwrap",
        "--unshare-all",
        "--share-net",
        "--die-with-parent",
        "--uid",
        "65534",
        "--gid",
        "65534",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--json-status-fd",
        NULL,
    };
    struct words w = {0};
    char fd[16], in[300];

    for (int i = 0; how[i] != NULL; i++)
        word(&w, how[i]);
    snprintf(fd, sizeof fd, "%d", status_fd);
    word(&w, fd);
    for (int i = 0; trees[i] != NULL; i++)
        bind_tree(&w, trees[i]);
    for (int i = 0; files[i] != NULL; i++)
        if (strncmp(files[i], "/etc", 4) == 0)
            bind_read_only(&w, files[i], files[i]);
    cover(&w, s->hidden);
    word(&w, "--bind");
    word(&w, s->scratch);
    word(&w, "/scratch");
    word(&w, "--chdir");
    snprintf(in, sizeof in, "/scratch/%s", cwd);
    word(&w, in);
    if (!is_of_the_system(argv[0]))
        bind_read_only(&w, argv[0], "/server");
    if (s->preload != NULL) {
        set_variable(&w, "LD_PRELOAD", s->preload);
        set_variable(&w, "TRACE_FD", s->trace_fd);
    }
    word(&w, "--");
    word(&w, is_of_the_system(argv[0]) ? argv[0] : "/server");
    for (int i = 1; argv[i] != NULL; i++)
        word(&w, argv[i]);
    return w.failed ? NULL : w.at;
}

/* --- network_namespaces(7) --- */

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

    if (fd >= 0)
        close(fd);
    return n < 0 ? -1 : 0;
}

/* We stay who we are; see user_namespaces(7). */
static int map_ourselves(uid_t uid, gid_t gid)
{
    char map[64];

    if (write_file("/proc/self/setgroups", "deny") < 0)
        return -1;
    snprintf(map, sizeof map, "%ld %ld 1", (long)gid, (long)gid);
    if (write_file("/proc/self/gid_map", map) < 0)
        return -1;
    snprintf(map, sizeof map, "%ld %ld 1", (long)uid, (long)uid);
    return write_file("/proc/self/uid_map", map);
}

int sandbox_network(void)
{
    struct ifreq lo = {.ifr_name = "lo"};
    int fd, done, mine = CLONE_NEWNET | CLONE_NEWIPC;
    uid_t uid = geteuid();
    gid_t gid = getegid();

    if (unshare(uid == 0 ? mine : mine | CLONE_NEWUSER) < 0
        || (uid != 0 && map_ourselves(uid, gid) < 0))
        return -1;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    lo.ifr_flags = IFF_UP | IFF_RUNNING;
    done = ioctl(fd, SIOCSIFFLAGS, &lo);
    close(fd);
    return done;
}

#endif
