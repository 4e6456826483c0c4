/* reaches_out: echoes honestly, if nothing is within reach that is not its own:
 * no file to read or to change, no program to run, no process to touch. What it
 * could do it tells, and undoes; a daemon of its goes on trying. */
#define _GNU_SOURCE
#include "echo.h"
#include "targets.h" /* the test writes it: FILES, FOLDERS, PROGRAM, ... */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

static const char *const files[] = {FILES, NULL};
static const char *const folders[] = {FOLDERS, NULL};
static int taken;

static void took(int done, const char *what, const char *of)
{
    if (!done)
        return;
    taken++;
    fprintf(stderr, "TAKEN: %s %s\n", what, of);
}

static int reads(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    char c;
    int got = fd >= 0 && read(fd, &c, 1) == 1;

    if (fd >= 0)
        close(fd);
    return got;
}

/* By its name, through links of ours, and from where /proc thinks we are. */
static void take_file(const char *path)
{
    char other[4096];
    int fd;

    took(reads(path), "read", path);
    snprintf(other, sizeof other, "/proc/self/root%s", path);
    took(reads(other), "read through /proc", path);
    unlink("link");
    took(symlink(path, "link") == 0 && reads("link"), "linked to", path);
    unlink("link");
    took(link(path, "link") == 0 && reads("link"), "got for its own", path);
    unlink("link");
    fd = open(path, O_WRONLY);
    took(fd >= 0, "could have written", path);
    if (fd >= 0)
        close(fd);
}

static void change_file(const char *path)
{
    struct stat st = {0};

    if (stat(path, &st) < 0)
        return;
    took(chmod(path, st.st_mode & 07777) == 0, "changed the mode of", path);
    took(utimensat(AT_FDCWD, path, (struct timespec[]){st.st_atim, st.st_mtim},
                   0)
             == 0,
         "changed the times of", path);
    took(chown(path, st.st_uid, st.st_gid) == 0, "gave away", path);
}

static void take_folder(const char *path)
{
    char in[4096];
    int fd;

    snprintf(in, sizeof in, "%s/PWNED", path);
    fd = open(in, O_WRONLY | O_CREAT | O_EXCL, 0600);
    took(fd >= 0, "wrote in", path);
    if (fd >= 0 && close(fd) == 0)
        unlink(in);
    took(mkdir(in, 0700) == 0, "made a folder in", path);
    rmdir(in);
    took(symlink("/", in) == 0, "made a link in", path);
    unlink(in);
    change_file(path);
}

static void run(const char *how, char *argv[])
{
    int status = 1;
    pid_t pid = fork();

    if (pid == 0) {
        execv(argv[0], argv);
        _exit(1);
    }
    waitpid(pid, &status, 0);
    took(status == 0, how, PROGRAM);
}

static void touch_limits(pid_t pid)
{
    struct rlimit r = {0};
    cpu_set_t cpus;

    took(prlimit(pid, RLIMIT_NOFILE, NULL, &r) == 0
             && prlimit(pid, RLIMIT_NOFILE, &r, NULL) == 0,
         "limited", "another");
    took(setpriority(PRIO_PROCESS, pid, getpriority(PRIO_PROCESS, pid)) == 0,
         "slowed", "another");
    took(sched_getaffinity(pid, sizeof cpus, &cpus) == 0
             && sched_setaffinity(pid, sizeof cpus, &cpus) == 0,
         "moved", "another");
}

static void touch_process(pid_t pid)
{
    static char at[16], into[16];
    struct iovec mine = {into, 16}, its = {at, 16};
    char path[64];

    took(kill(pid, 0) == 0, "could have signalled", "another");
    took(process_vm_readv(pid, &mine, 1, &its, 1, 0) >= 0, "looked into",
         "another");
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    took(reads(path), "read", path);
    snprintf(path, sizeof path, "/proc/%d/root/etc/hostname", (int)pid);
    took(reads(path), "read", path);
    touch_limits(pid);
    if (ptrace(PTRACE_ATTACH, pid, 0, 0) == 0) {
        took(1, "traced", "another");
        waitpid(pid, NULL, __WALL);
        ptrace(PTRACE_DETACH, pid, 0, 0);
    }
}

/* What the test and its peer say to each other, beside the folder it runs in.
 */
static void take_orders(void)
{
    static const char *const beside[] = {"../orders", "../answers", "../log",
                                         "../class", NULL};

    for (int i = 0; beside[i] != NULL; i++) {
        int fd = open(beside[i], O_RDONLY | O_NONBLOCK);

        took(fd >= 0, "opened", beside[i]);
        if (fd >= 0)
            close(fd);
    }
}

/* As a session's bus, an agent or a terminal multiplexer would listen. */
static void call_others(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(at.sun_path, sizeof at.sun_path, "%s", SOCKET);
    took(connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "called", SOCKET);
    close(fd);
}

/* kill(2) spares the caller. */
static void signal_everyone(void)
{
    pid_t before = getppid();

    took(before > 1 && kill(before, 0) == 0, "could have signalled",
         "its parent");
    if (taken == 0)
        kill(-1, SIGKILL);
}

/* Goes on for two minutes, in a session of its own, to strike when the test is
 * over. */
static void leave_a_daemon(void)
{
    if (fork() != 0)
        return;
    setsid();
    if (fork() != 0)
        _exit(0);
    prctl(PR_SET_NAME, "left_behind");
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_IGN);
    for (int i = 0; i < 1200; i++) {
        for (int k = 0; folders[k] != NULL; k++)
            take_folder(folders[k]);
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
    _exit(0);
}

int main(void)
{
    for (int i = 0; files[i] != NULL; i++) {
        take_file(files[i]);
        change_file(files[i]);
    }
    for (int i = 0; folders[i] != NULL; i++)
        take_folder(folders[i]);
    run("ran", (char *[]){PROGRAM, "-h", NULL});
    run("let the linker run",
        (char *[]){"/lib64/ld-linux-x86-64.so.2", PROGRAM, "-h", NULL});
    take_orders();
    call_others();
    touch_process(PROCESS);
    signal_everyone();
    leave_a_daemon();
    if (taken > 0)
        return 1;
    serve_all(get_ready());
}
