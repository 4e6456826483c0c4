/* machine.c: the cores, the clock, readiness, and the server's process. */
#ifdef __linux__
#define _GNU_SOURCE /* for sched_setaffinity(2) and epoll(7) */
#endif
#include "load.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#endif

uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* As many descriptors as we may have; the server inherits the limit. */
void raise_limit(void)
{
    struct rlimit limit;
    rlim_t need = (rlim_t)(opt.members + opt.stalled + opt.speakers + 200);

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0) { /* macOS: no more than */
            limit.rlim_cur = 10240;
            setrlimit(RLIMIT_NOFILE, &limit);
        }
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < need) {
        fprintf(stderr, "load: skipped: the limit of descriptors is %llu\n",
                (unsigned long long)limit.rlim_cur);
        exit(77);
    }
}

#ifdef __linux__

static int server_core = -1, own_core = -1;

/* The first and the last core that we may use; 0 if there is only one. */
int choose_cores(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) < 0 || CPU_COUNT(&set) < 2)
        return 0;
    for (int core = 0; core < CPU_SETSIZE; core++)
        if (CPU_ISSET(core, &set)) {
            if (server_core < 0)
                server_core = core;
            own_core = core;
        }
    return 1;
}

void use_core(int server)
{
    cpu_set_t set;
    int core = server ? server_core : own_core;

    CPU_ZERO(&set);
    if (core < 0)
        return;
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* The processor time that a process has used, in seconds, or -1. */
double cpu_of(int pid)
{
    clockid_t clock;
    struct timespec t;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
        return -1;
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The memory that a process has in use, in KiB, or -1. */
static long memory_of(int pid)
{
    char name[64], line[256];
    long size = -1;
    FILE *status;

    snprintf(name, sizeof name, "/proc/%d/status", pid);
    status = fopen(name, "r");
    if (status == NULL)
        return -1;
    while (size < 0 && fgets(line, sizeof line, status) != NULL)
        sscanf(line, "VmRSS: %ld", &size);
    fclose(status);
    return size;
}

/* The processor time of all that runs here, in seconds, or -1; what another
 * guest of the same host takes from us (steal) is in it. */
double cpu_of_all(void)
{
    long t[8] = {0}; /* user nice system idle iowait irq softirq steal */
    FILE *stat = fopen("/proc/stat", "r");
    int n = 0;

    if (stat != NULL) {
        n = fscanf(stat, "cpu %ld %ld %ld %ld %ld %ld %ld %ld", t, t + 1, t + 2,
                   t + 3, t + 4, t + 5, t + 6, t + 7);
        fclose(stat);
    }
    if (n != 8)
        return -1;
    return (double)(t[0] + t[1] + t[2] + t[5] + t[6] + t[7])
           / (double)sysconf(_SC_CLK_TCK);
}

static int queue = -1;

void watch(struct peer *p)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};

    if (queue < 0)
        queue = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ctl(queue, EPOLL_CTL_ADD, p->fd, &e) < 0)
        die("epoll_ctl", strerror(errno));
}

void unwatch(struct peer *p)
{
    epoll_ctl(queue, EPOLL_CTL_DEL, p->fd, NULL);
}

/* Fills in at most EVENTS who can be read; returns how many. */
int wait_ready(struct peer *ready[], int ms)
{
    struct epoll_event e[EVENTS];
    int n = epoll_wait(queue, e, EVENTS, ms);

    for (int i = 0; i < n; i++)
        ready[i] = e[i].data.ptr;
    return n < 0 ? 0 : n;
}

static void die_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

#else /* the portable part: no cores, no figures of the server's */

int choose_cores(void)
{
    return 0;
}

void use_core(int server)
{
    (void)server;
}

double cpu_of(int pid)
{
    (void)pid;
    return -1;
}

static long memory_of(int pid)
{
    (void)pid;
    return -1;
}

double cpu_of_all(void)
{
    return -1;
}

static struct pollfd *fds;
static struct peer **peers;
static int watched;

void watch(struct peer *p)
{
    static int room;

    if (watched == room) {
        room = room ? 2 * room : 64;
        /* cppcheck-suppress memleakOnRealloc ; we end if it fails */
        fds = realloc(fds, (size_t)room * sizeof *fds);
        /* cppcheck-suppress memleakOnRealloc */
        peers = realloc(peers, (size_t)room * sizeof *peers);
        if (fds == NULL || peers == NULL)
            die("watch", "no memory");
    }
    fds[watched] = (struct pollfd){p->fd, POLLIN, 0};
    peers[watched++] = p;
}

void unwatch(struct peer *p)
{
    int i = 0;

    while (i < watched && peers[i] != p)
        i++;
    if (i == watched)
        return;
    fds[i] = fds[--watched];
    peers[i] = peers[watched];
}

/* Goes on where it stopped, so that nobody is always the last. */
int wait_ready(struct peer *ready[], int ms)
{
    static int next;
    int n = 0;

    if (poll(fds, (nfds_t)watched, ms) <= 0)
        return 0;
    for (int i = 0; i < watched && n < EVENTS; i++) {
        int at = (next + i) % watched;

        if (fds[at].revents != 0)
            ready[n++] = peers[at];
    }
    next++;
    return n;
}

static void die_with_parent(void)
{
}

#endif

long memory_at_start;
static pid_t child;

long memory_of_servers(void)
{
    long sum = 0;

    for (int i = 0; i < opt.pids.n; i++)
        sum += memory_of(opt.pids.of[i]);
    return sum;
}

/* Runs the command in opt instead of us; it ends with whoever started us. */
void become_server(void)
{
    die_with_parent();
    use_core(1);
    execvp(opt.command[0], opt.command);
    perror(opt.command[0]);
    _exit(127);
}

/* Runs the command in opt, its output in the log; returns its number. Its
 * input is a pipe that we keep open: at the end of it the main thread of v4
 * and v5 ends, and with it what the system says of their memory. */
int start_server(void)
{
    int console[2];

    if (pipe(console) < 0)
        die("pipe", strerror(errno));
    fcntl(console[1], F_SETFD, FD_CLOEXEC);
    child = fork();
    if (child < 0)
        die("fork", strerror(errno));
    if (child == 0) {
        int log = open(opt.log, O_WRONLY | O_CREAT | O_APPEND, 0666);

        dup2(console[0], 0);
        dup2(log, 1);
        dup2(log, 2);
        become_server();
    }
    close(console[0]);
    return child;
}

/* Asks it to end; a second later it has to. */
void stop_server(void)
{
    struct timespec nap = {0, 10000000};

    if (child <= 0)
        return;
    kill(child, SIGTERM);
    for (int i = 0; i < 100; i++) {
        if (waitpid(child, NULL, WNOHANG) != 0)
            return;
        nanosleep(&nap, NULL);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* Waits a moment for the server to listen, or says why it will not. */
static void be_patient(uint64_t end)
{
    struct timespec nap = {0, 10000000};

    if (now_ns() > end)
        die("connect", strerror(errno));
    if (child > 0 && waitpid(child, NULL, WNOHANG) == child) {
        child = 0;
        die(opt.command[0], "the server has ended");
    }
    nanosleep(&nap, NULL);
}

/* Heads name speakers by their ports, and two who talk to two servers may have
 * one and the same: but not if each has asked for hers before. */
static void take_own_port(int fd)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
        die("bind", strerror(errno));
}

/* Connects to a server, once it listens: each newcomer to the next one. */
int dial(int number)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    uint64_t end = now_ns() + 10000000000u;
    int fd, on = 1;

    addr.sin_port = htons((uint16_t)opt.ports.of[number % opt.ports.n]);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (;;) {
        fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0)
            die("socket", strerror(errno));
        if (opt.ports.n > 1)
            take_own_port(fd);
        if (connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
            break;
        close(fd);
        be_patient(end);
    }
    if (memory_at_start == 0)
        memory_at_start = memory_of_servers();
    /* What we measure is the server's delay: ours must be none. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

/* A port that nobody has: for those servers that cannot choose one. */
int free_port(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
        die("bind", strerror(errno));
    getsockname(fd, (struct sockaddr *)&addr, &len);
    close(fd);
    return ntohs(addr.sin_port);
}
