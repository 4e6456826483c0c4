/* programs: the verbs of the server and of the client under test, of whoever
 * types at them, and of the server's console. */
#include "peer.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The one of this name among *n programs, who comes to be when first asked for;
 * there are not more than most. */
static struct prog *find_among(struct prog *all, int *n, int most,
                               const char *name)
{
    struct prog *g;

    for (int i = 0; i < *n; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    if (*n == most) {
        fprintf(stderr, "peer: more than %d of %s\n", most, name);
        exit(1);
    }
    g = &all[(*n)++];
    snprintf(g->name, sizeof g->name, "%s", name);
    g->child.out = g->child.err = g->child.in = -1;
    return g;
}

int is_server(const char *who)
{
    return strcmp(who, "server") == 0 || strncmp(who, "server:", 7) == 0;
}

int is_client(const char *who)
{
    return strcmp(who, "client") == 0 || strncmp(who, "client:", 7) == 0;
}

/* The program of this name: "server", "server:NAME", "client", "client:NAME" or
 * "broker"; NULL if there can be none. */
struct prog *find_program(const char *who)
{
    if (strcmp(who, "server") == 0)
        return &stage.server;
    if (strcmp(who, "broker") == 0)
        return &stage.broker;
    if (is_server(who))
        return find_among(stage.others, &stage.nothers, MAX_OTHERS, who);
    if (is_client(who))
        return find_among(stage.clients, &stage.nclients, MAX_CLIENTS, who);
    return NULL;
}

/* The folder that it runs in. The server and the clients share one; any other
 * is another user's, and has its own. */
const char *home_of(const struct prog *g)
{
    static char path[sizeof stage.home + sizeof g->name];

    if (g == &stage.broker)
        snprintf(path, sizeof path, "%s.broker", stage.home);
    else if (g != &stage.server && is_server(g->name))
        snprintf(path, sizeof path, "%s.%s", stage.home, g->name + 7);
    else
        return stage.home;
    return path;
}

static void renew(struct prog *g)
{
    guard_end(&g->child);
    if (g->child.pid != 0) {
        if (g->child.in >= 0)
            close(g->child.in);
        if (g->child.out >= 0 && g->child.out != g->child.in)
            close(g->child.out);
        if (g->child.err >= 0)
            close(g->child.err);
    }
    forget(&g->out);
    forget(&g->err);
    g->done = 0;
    g->unread = 0;
    memset(&g->child, 0, sizeof g->child);
    g->frozen = g->mourned = 0;
    g->excess = NULL;
}

/* Starts argv[0] in its home. 0, or -1 after an answer. */
int launch(struct prog *g, char *argv[], struct limits *limits)
{
    limits->home = home_of(g);
    renew(g);
    if ((mkdir(limits->home, 0700) == 0 || errno == EEXIST)
        && (!is_server(g->name) || trace_program(limits) == 0)
        && guard_start(&g->child, argv, limits) == 0) {
        if (limits->preload != NULL)
            close(limits->trace_fd);
        return 0;
    }
    fail("harness", "cannot start %s: %s", argv[0], strerror(errno));
    return -1;
}

/* The same of a program under test, which the environment names. */
static int launch_tested(struct prog *g, const char *program, char **arg)
{
    struct limits limits = {.name =
                                is_client(g->name) ? "./client" : "./server"};
    char *argv[MAX_ARGS + 2] = {NULL};
    int n = 0;

    argv[n++] = getenv(program);
    for (; *arg != NULL; arg++) {
        if (strcmp(*arg, "+tty") == 0)
            limits.tty = 1;
        else if (strncmp(*arg, "+nofile=", 8) == 0)
            limits.nofile = atol(*arg + 8);
        else if (strncmp(*arg, "+address=", 9) == 0)
            limits.address = atol(*arg + 9) << 20;
        else if (strncmp(*arg, "+pauses=", 8) == 0)
            setenv("STRICT", *arg + 1, 1);
        else if (strcmp(*arg, "+plain") == 0)
            argv[0] = getenv("PEER_SERVER_PLAIN");
        else
            argv[n++] = *arg;
    }
    return launch(g, argv, &limits);
}

/* Answers, and returns 1, if there is no such program: kill(2) would take its
 * process id, 0, for us all. */
static int never_started(const struct prog *g)
{
    if (g->child.pid == 0)
        fail("harness", "no such program has been started");
    return g->child.pid == 0;
}

static int is_ready(void *arg)
{
    struct prog *g = arg;
    const char *p = g->err.p ? strstr(g->err.p, "listening on ") : NULL;

    if (p != NULL && strchr(p, '\n') != NULL)
        return 1;
    return g->child.alive ? 0 : -1;
}

/* starts [+tty] [+nofile=N] [+address=MB] [+plain] [+pauses=SEED] ARGUMENT...
 * -> ok PORT */
void server_starts(struct prog *g, char **arg)
{
    static int once;
    char addr[64] = "", *p;
    int r;

    if (launch_tested(g, "PEER_SERVER", arg) < 0)
        return;
    r = until_once("PEER_START_DEADLINE", &once, is_ready, g);
    if (r == 0) {
        fail("start",
             "no line with \"listening on IP:PORT\" on its stderr "
             "for %d s%s",
             stage.waited_ms / 1000,
             mentions(&g->out, 0, "listening on")
                 ? "\nOn its stdout there is one."
                 : "");
        return;
    }
    if (r < 0) {
        fail("start", "it ended before it was ready (%s)", ending(g));
        return;
    }
    p = strstr(g->err.p, "listening on ");
    sscanf(p, "listening on %63[^ \n]", addr);
    p = strrchr(addr, ':');
    g->port = p ? atoi(p + 1) : 0;
    if (g->port == 0)
        fail("start", "\"listening on %s\" tells no port%s", addr,
             p != NULL && strcmp(p, ":0") == 0
                 ? ": 0 is what was asked for, and getsockname() tells what "
                   "it has become"
                 : "");
    else {
        history(g->name, "listens\t%d", g->port);
        reply("ok %d", g->port);
    }
}

/* Does it say that it listens on that port, but with the bytes of the number
 * swapped? */
static void tell_swapped(struct bytes *report, const struct prog *g, int port)
{
    int swapped = port / 256 + port % 256 * 256;
    char words[32];

    snprintf(words, sizeof words, ":%d\n", swapped);
    if (port > 0 && port < 65536 && port != swapped
        && mentions(&g->err, 0, words))
        addf(report, "%d is %d with its two bytes swapped: htons(), ntohs().\n",
             swapped, port);
}

/* refuses ARGUMENT... -> ok exitN: it must end by itself */
void server_refuses(struct prog *g, char **arg)
{
    struct bytes report = {0};

    if (launch_tested(g, "PEER_SERVER", arg) < 0)
        return;
    if (!until(has_ended, g)) {
        addf(&report, "it goes on running instead of saying what is wrong\n");
        if (arg[0] != NULL)
            tell_swapped(&report, g, atoi(arg[1] != NULL ? arg[1] : arg[0]));
        fail_showing("timeout", &report);
        return;
    }
    pump(0, 0, -1);
    save("out", &g->out);
    save("log", &g->err);
    reply("ok %s", ending(g));
}

/* starts [+tty] ARGUMENT... */
void client_starts(struct prog *g, char **arg)
{
    if (launch_tested(g, "PEER_CLIENT", arg) == 0)
        reply("ok");
}

/* ends -> ok exitN */
void program_ends(struct prog *g, char **arg)
{
    (void)arg;
    if (!until(has_ended, g)) {
        fail("timeout", "it is still running after %d s",
             stage.waited_ms / 1000);
        return;
    }
    pump(0, 0, -1);
    reply("ok %s", ending(g));
}

/* lives -> ok, or how it ended */
void server_lives(struct prog *g, char **arg)
{
    (void)arg;
    pump(0, 0, -1);
    if (g->child.alive)
        reply("ok");
    else
        fail(ending(g), "it has ended: %s", ending(g));
}

struct logging {
    struct prog *prog;
    const char *words;
};

static int is_logged(void *arg)
{
    struct logging *l = arg;

    if (mentions(&l->prog->err, 0, l->words))
        return 1;
    return l->prog->child.alive ? 0 : -1;
}

/* logs WORDS */
void program_logs(struct prog *g, char **arg)
{
    struct logging l = {g, arg[0]};
    int r = until(is_logged, &l);

    if (r == 1)
        reply("ok");
    else
        fail(r == 0 ? "timeout" : ending(g), "no line with \"%s\" in its log",
             arg[0]);
}

static int is_at_rest(void *arg)
{
    struct rest *r = arg;

    if (rests(r))
        return 1;
    return r->prog->child.alive ? 0 : -1;
}

/* rests: all its threads sleep -> ok, or ok unknown where nothing tells */
void program_rests(struct prog *g, char **arg)
{
    struct rest s = {.prog = g};
    int asleep, r;

    (void)arg;
    if (g->child.alive && count_threads(g, &asleep) == 0) {
        reply("ok unknown");
        return;
    }
    r = until_every(10, is_at_rest, &s);
    if (r == 1)
        threads_note(g->child.pid);
    if (r == 1)
        reply("ok");
    else
        fail(r == 0 ? "timeout" : ending(g),
             r == 0 ? "its threads do not come to rest"
                    : "it ended instead of waiting");
}

static int is_stopped(void *arg)
{
    return guard_stopped(arg);
}

/* freezes: SIGSTOP, and waits until it is stopped */
void program_freezes(struct prog *g, char **arg)
{
    (void)arg;
    if (never_started(g))
        return;
    kill(g->child.pid, SIGSTOP);
    g->frozen = until_every(10, is_stopped, &g->child) == 1;
    if (g->frozen)
        reply("ok");
    else
        fail(g->child.alive ? "harness" : ending(g),
             "it could not be frozen (SIGSTOP)");
}

/* thaws: SIGCONT */
void program_thaws(struct prog *g, char **arg)
{
    (void)arg;
    if (never_started(g))
        return;
    kill(g->child.pid, SIGCONT);
    g->frozen = 0;
    reply("ok");
}

/* dies: SIGKILL, and waits until it has ended */
void program_dies(struct prog *g, char **arg)
{
    (void)arg;
    if (never_started(g))
        return;
    guard_end(&g->child);
    pump(0, 0, -1);
    reply("ok");
}

/* gets NAME: a signal, INT, TERM or KILL */
void program_gets(struct prog *g, char **arg)
{
    int sig = strcmp(arg[0], "INT") == 0    ? SIGINT
              : strcmp(arg[0], "TERM") == 0 ? SIGTERM
                                            : SIGKILL;

    if (never_started(g))
        return;
    /* Ctrl-C reaches whoever is in the foreground, children, too. */
    if (sig != SIGINT || getpgid(g->child.pid) != g->child.pid)
        kill(g->child.pid, sig);
    else
        kill(-g->child.pid, sig);
    reply("ok");
}

/* threads -> ok N */
void server_threads(struct prog *g, char **arg)
{
    int asleep;

    (void)arg;
    reply("ok %d", count_threads(g, &asleep));
}

/* descriptors -> ok N: how many it has open */
void server_descriptors(struct prog *g, char **arg)
{
    (void)arg;
    reply("ok %d", count_descriptors(g->child.pid));
}

/* memory -> ok KIB: 0 where nothing tells */
void server_memory(struct prog *g, char **arg)
{
    (void)arg;
    reply("ok %ld", memory_of(g->child.pid));
}

/* works-for MS -> ok CPU_MS: how long it has used the processor meanwhile; -1
 * where nothing tells */
void server_works_for(struct prog *g, char **arg)
{
    enum { UTIME = 14, STIME = 15 };
    long tick = 1000 / sysconf(_SC_CLK_TCK), end = now_ms() + atol(arg[0]);
    pid_t pid = g->child.pid;
    long before = stat_field(pid, UTIME) + stat_field(pid, STIME), used;

    while (before >= 0 && now_ms() < end && g->child.alive)
        pump(end - now_ms(), 0, -1);
    used = stat_field(pid, UTIME) + stat_field(pid, STIME) - before;
    if (!g->child.alive)
        fail(ending(g), "it has ended: %s", ending(g));
    else
        reply("ok %ld", before < 0 ? -1 : used * tick);
}

/* has-terminal -> ok yes, no or unknown: would Ctrl-C reach it? */
void server_has_terminal(struct prog *g, char **arg)
{
    enum { GROUP = 5, FOREGROUND = 8 };
    long group = stat_field(g->child.pid, GROUP);

    (void)arg;
    reply("ok %s", group < 0                                       ? "unknown"
                   : stat_field(g->child.pid, FOREGROUND) == group ? "yes"
                                                                   : "no");
}

/* types BYTES: at its stdin */
void program_types(struct prog *g, char **arg)
{
    struct bytes b = {0};
    long end = now_ms() + stage.deadline_ms;
    size_t sent = 0;
    ssize_t n;

    unescape(&b, arg[0]);
    while (sent < b.len && g->child.in >= 0 && now_ms() < end) {
        n = write(g->child.in, b.p + sent, b.len - sent);
        if (n > 0)
            sent += n;
        else if (errno == EAGAIN || errno == EINTR)
            pump(end - now_ms(), 0, g->child.in);
        else
            break;
    }
    if (sent == b.len)
        reply("ok");
    else
        fail(g->child.alive ? "timeout" : ending(g),
             "it takes no more of what is typed");
    forget(&b);
}

/* closes-input: the end of its stdin */
void program_closes_input(struct prog *g, char **arg)
{
    (void)arg;
    if (g->child.in >= 0)
        close(g->child.in);
    g->child.in = -1;
    reply("ok");
}

struct showing {
    struct prog *prog;
    struct bytes words;
};

static int has_shown(void *arg)
{
    struct showing *s = arg;

    if (skip_past(&s->prog->out, &s->prog->done, &s->words))
        return 1;
    return s->prog->child.alive ? 0 : -1;
}

/* What it has shown instead, and whether the words came on the wrong stream. */
static void add_shown(struct bytes *report, const struct prog *g,
                      const char *words)
{
    addf(report, "seen:     ");
    escape(report, g->out.p ? g->out.p + g->done : "", g->out.len - g->done, 0);
    addf(report, "\n");
    if (*words != '\0' && g->err.p != NULL && strstr(g->err.p, words) != NULL)
        addf(report, "Its stderr has it; it belongs on stdout.\n");
}

/* shows WORDS, somewhere after what it has shown before */
void program_shows(struct prog *g, char **arg)
{
    struct showing s = {g, {0}};
    struct bytes report = {0};
    size_t since = g->done;
    int r;

    unescape(&s.words, arg[0]);
    r = until(has_shown, &s);
    if (r == 1) {
        reply_heard(&g->out, since, g->done);
    } else {
        addf(&report, "expected: ... %s ...\n", arg[0]);
        add_shown(&report, g, s.words.p ? s.words.p : "");
        fail_showing(r == 0 ? "timeout" : ending(g), &report);
    }
    forget(&s.words);
}

/* stops-reading: nobody looks at its stdout any more */
void program_stops_reading(struct prog *g, char **arg)
{
    (void)arg;
    g->unread = 1;
    reply("ok");
}

/* output -> ok: all that it has shown is in the file "out", and its stderr in
 * "err" and in "log" */
void program_output(struct prog *g, char **arg)
{
    (void)arg;
    pump(0, 0, -1);
    save("out", &g->out);
    save("err", &g->err);
    save_log(g);
    reply("ok");
}
