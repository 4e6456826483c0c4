/* confine: runs a command behind the layers of sandbox.h, or tries them.
 *
 *     confine --build SCRATCH COMMAND [ARGUMENT...]
 *             runs it as guard.h says, in SCRATCH/src, with SCRATCH/tmp for its
 *             temporary files and limits that no compiler needs; what it
 *             prints, 1 MiB at most, comes out on stdout. Exit status: its own;
 *             126 if it was ended, with a last line that says why.
 *     confine --network COMMAND [ARGUMENT...]
 *             becomes that command, in a network of its own
 *     confine --lock FILE COMMAND [ARGUMENT...]
 *             becomes that command, once nobody else holds the lock on that
 *             file; it is free again when the command has ended (fcntl(2))
 *     confine --try LAYERS FILE...
 *             0 if a program behind these layers runs, can read none of the
 *             files, and can signal nobody outside; else 1
 *     confine --abi
 *             prints the version of Landlock's interface; 0: there is none
 *
 * The variables PEER_LAYERS ("user,landlock") and PEER_HIDDEN (paths, a line
 * each) say what a build gets. */
#define _XOPEN_SOURCE 700
#if defined(__linux__) || defined(__APPLE__)
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#endif
#include "guard.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CPU_S = 60,           /* no compiler needs a minute for this, */
    WALL_S = 120,         /* or two of a busy machine, */
    MEMORY_MB = 3000,     /* or so much memory, */
    MOST_OUTPUT = 1 << 20 /* or says so much */
};

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

/* Copies what there is to stdout; 0 at the end. */
static int pass_on(int fd, size_t *said)
{
    char buf[1 << 16];
    ssize_t n = read(fd, buf, sizeof buf);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        return 0;
    if (n > 0 && (*said += n) <= MOST_OUTPUT)
        fwrite(buf, 1, n, stdout);
    return 1;
}

/* Until it has ended and said all, or must be ended: then why. */
static const char *watch(struct child *c)
{
    struct pollfd fds[] = {{c->out, POLLIN, 0}, {c->err, POLLIN, 0}};
    long end = now_ms() + WALL_S * 1000L;
    size_t said = 0;

    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        poll(fds, 2, 100);
        for (int i = 0; i < 2; i++)
            if (fds[i].revents && !pass_on(fds[i].fd, &said))
                fds[i].fd = -1;
        if (said > MOST_OUTPUT)
            return "it printed more than 1 MiB";
        if (now_ms() > end)
            return "it did not end within 120 s";
    }
    return NULL;
}

static int layers_wanted(void)
{
    const char *words = getenv("PEER_LAYERS");
    int layers = words ? sandbox_named(words) : 0;

    if (layers < 0) {
        fprintf(stderr, "confine: PEER_LAYERS=%s: no such layer\n", words);
        exit(2);
    }
    return layers;
}

static int ended_by_limit(const char *why)
{
    printf("error: the compiler was ended: %s\n", why);
    return 126;
}

/* What a signal that ended a compiler comes from, most likely. */
static int status_of(const struct child *c)
{
    if (WIFEXITED(c->status))
        return WEXITSTATUS(c->status);
    if (WTERMSIG(c->status) == SIGXCPU || WTERMSIG(c->status) == SIGKILL)
        return ended_by_limit("it took more than 60 s of processor time");
    return ended_by_limit(strsignal(WTERMSIG(c->status)));
}

static int build(const char *scratch, char *argv[])
{
    struct sandbox box = {.layers = layers_wanted(),
                          .hidden = getenv("PEER_HIDDEN")};
    struct limits limits = {.home = scratch,
                            .cwd = "src",
                            .builds = 1,
                            .cpu = CPU_S,
                            .address = (long)MEMORY_MB << 20};
    struct child c = {0};
    const char *why;
    int status;

    box.scratch = scratch;
    guard_init(&box);
    if (guard_start(&c, argv, &limits) < 0) {
        perror("confine");
        return 2;
    }
    close(c.in);
    why = watch(&c);
    if (why == NULL) {
        while (guard_alive(&c))
            poll(NULL, 0, 1);
        status = status_of(&c);
    } else {
        guard_end(&c);
        status = ended_by_limit(why);
    }
    guard_clean();
    return status;
}

/* --- trying --- */

/* As a stranger would: a file that opens, a signal that arrives. */
static int escapes(char *files[], pid_t outside)
{
    for (; *files != NULL; files++) {
        int fd = open(*files, O_RDONLY);

        if (fd >= 0)
            printf("%s can be read\n", *files);
        if (fd >= 0)
            return 1;
    }
    if (kill(outside, 0) == 0)
        printf("it could signal us\n");
    return kill(outside, 0) == 0;
}

/* In there: is what is outside out of reach? */
static int escape(char *argv[])
{
    return escapes(argv + 1, atoi(argv[0]));
}

static int try(const char *path, const char *words, char *files[], int n)
{
    char *self = realpath(path, NULL); /* it runs elsewhere */
    struct sandbox box = {.layers = sandbox_named(words),
                          .hidden = getenv("PEER_HIDDEN")};
    char folder[] = "/tmp/confine.XXXXXX", outside[16];
    struct limits limits = {.home = folder};
    char *argv[64] = {self, "--escape", outside};
    struct child c = {0};

    if (self == NULL || box.layers <= 0 || n > 60 || mkdtemp(folder) == NULL)
        return 2;
    snprintf(outside, sizeof outside, "%d", (int)getpid());
    memcpy(argv + 3, files, n * sizeof *files);
    guard_init(&box);
    if (guard_start(&c, argv, &limits) < 0)
        return 2;
    close(c.in);
    watch(&c);
    while (guard_alive(&c))
        poll(NULL, 0, 1);
    rmdir(folder);
    return WIFEXITED(c.status) ? WEXITSTATUS(c.status) : 1;
}

/* The lock is the process's: it outlives execvp(), and no child has it. */
static int lock(const char *path)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR | O_CREAT, 0600), status = fd;

    while (fd >= 0 && (status = fcntl(fd, F_SETLKW, &all)) < 0)
        if (errno != EINTR)
            break;
    if (status < 0)
        fprintf(stderr, "confine: %s: %s\n", path, strerror(errno));
    return status;
}

static int usage(void)
{
    fprintf(stderr, "usage: confine --build SCRATCH COMMAND [ARGUMENT...]\n"
                    "       confine --network COMMAND [ARGUMENT...]\n"
                    "       confine --lock FILE COMMAND [ARGUMENT...]\n"
                    "       confine --try LAYERS FILE... | --abi\n");
    return 2;
}

int main(int argc, char *argv[])
{
    if (argc == 2 && strcmp(argv[1], "--abi") == 0)
        return printf("%d\n", sandbox_landlock_abi()) < 0;
    if (argc < 3)
        return usage();
    if (strcmp(argv[1], "--escape") == 0)
        return escape(argv + 2);
    if (strcmp(argv[1], "--build") == 0 && argc > 3)
        return build(argv[2], argv + 3);
    if (strcmp(argv[1], "--try") == 0)
        return try(argv[0], argv[2], argv + 3, argc - 3);
    if (strcmp(argv[1], "--lock") == 0 && argc > 3) {
        if (lock(argv[2]) >= 0)
            execvp(argv[3], argv + 3);
        return 127;
    }
    if (strcmp(argv[1], "--network") != 0)
        return usage();
    if (sandbox_network() < 0)
        perror("confine");
    else
        execvp(argv[2], argv + 2);
    return 127;
}
