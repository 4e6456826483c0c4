/* strip: runs a server, shows its log, and draws its threads; see strip.h. */
#include "strip.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum {
    LOOK_MS = 100,    /* between two looks */
    DRAW_MS = 1000,   /* between two drawings, if nothing changes */
    LINE_SIZE = 4096, /* a longer line of the log is cut */
    TAKEN = 98        /* our exit status when another has the port */
};

static const char *folder, *other, *port_file;
static int terminal = -1; /* where we draw; -1: nowhere */
static int prompts;       /* the server has a console */
static int port;          /* where it listens, once it does */
static pid_t server;
static int taken; /* it has said that its port is another's */

long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static void give_up(const char *what)
{
    fprintf(stderr, "strip: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* --- the server --- */

/* We are told to end, or our terminal is gone: the server goes first. */
static void end_both(int sig)
{
    if (server > 0)
        kill(server, SIGKILL);
    _exit(128 + sig);
}

/* What a terminal's keys send is for the server, not for us. */
static void set_signals(void)
{
    struct sigaction sa = {.sa_handler = SIG_IGN};

    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGQUIT, &sa, NULL);
    sigaction(SIGPIPE, &sa, NULL);
    sa.sa_handler = end_both;
    sigaction(SIGHUP, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

/* As a shell starts it: an ignored SIGPIPE would be inherited, and hide what v4
 * dies of. */
static void be_server(char *argv[], int log)
{
    struct sigaction sa = {.sa_handler = SIG_DFL};
    static const int signals[] = {SIGINT, SIGQUIT, SIGPIPE,
                                  SIGHUP, SIGTERM, SIGCHLD};

#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &sa, NULL);
    dup2(log, STDERR_FILENO);
    execv(argv[0], argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Returns where its log can be read. */
static int start(char *argv[])
{
    int log[2];

    if (pipe(log) < 0)
        give_up("pipe");
    for (int i = 0; i < 2; i++)
        fcntl(log[i], F_SETFD, FD_CLOEXEC);
    server = fork();
    if (server < 0)
        give_up("fork");
    if (server == 0)
        be_server(argv, log[1]);
    close(log[1]);
    fcntl(log[0], F_SETFL, O_NONBLOCK);
    return log[0];
}

/* --- its log --- */

/* "2026-11-23 06:44:56 " */
static int has_stamp(const char *line)
{
    static const char like[] = "dddd-dd-dd dd:dd:dd ";

    for (int i = 0; like[i] != '\0'; i++)
        if (like[i] == 'd' ? !isdigit((unsigned char)line[i])
                           : line[i] != like[i])
            return 0;
    return 1;
}

/* The name of whom a line speaks of; NULL if it is of nobody in the room. */
static const char *spoken_of(const char *line)
{
    int a, b, c, d, from;
    const char *name;

    if (sscanf(line, "%d.%d.%d.%d:%d ", &a, &b, &c, &d, &from) != 5)
        return NULL;
    look_at_people(folder, port);
    name = who_at(from);
    return strncmp(name, "port ", 5) == 0 ? NULL : name;
}

/* The first line that says so: from then on we know who is who. */
static void learn_port(const char *line)
{
    const char *at = strstr(line, "listening on ");
    FILE *f;

    taken = port == 0 && strstr(line, strerror(EADDRINUSE)) != NULL;
    if (port != 0 || at == NULL || (at = strrchr(at, ':')) == NULL)
        return;
    port = atoi(at + 1);
    f = port_file != NULL ? fopen(port_file, "w") : NULL;
    if (f == NULL)
        return;
    fprintf(f, "%d\n", port);
    fclose(f);
}

/* Shows one line in the place of the prompt, which comes again below. */
static void show_line(char *line)
{
    const char *name = NULL;

    for (char *p = line; *p != '\0'; p++)
        if (iscntrl((unsigned char)*p))
            *p = '?';
    learn_port(line);
    if (strstr(line, " stopping") != NULL)
        prompts = 0;
    if (has_stamp(line)) {
        name = spoken_of(line + 20);
        line += 11;
    }
    printf("\r\033[K%s", line);
    if (name != NULL)
        printf(" \033[2m(%s)\033[0m", name);
    printf("\n%s", prompts ? ">>> " : "");
    fflush(stdout);
}

/* Shows what has come; 0 at the end of it. */
static int show_log(int log)
{
    static char line[LINE_SIZE];
    static size_t n;
    ssize_t got;
    char *end;

    for (;;) {
        got = read(log, line + n, sizeof line - 1 - n);
        if (got <= 0)
            return got < 0 && (errno == EAGAIN || errno == EINTR);
        n += got;
        line[n] = '\0';
        while ((end = strchr(line, '\n')) != NULL || n == sizeof line - 1) {
            end = end != NULL ? end : line + n - 1;
            *end = '\0';
            show_line(line);
            n -= end + 1 - line;
            memmove(line, end + 1, n + 1);
        }
    }
}

/* --- its threads --- */

/* As on the border of her pane. */
static int color_of(const char *name)
{
    static const struct {
        const char *name;
        int color;
    } people[] = {{"alice", 36}, {"bob", 33}, {"carol", 35}};

    for (size_t i = 0; i < sizeof people / sizeof *people; i++)
        if (strcmp(people[i].name, name) == 0)
            return people[i].color;
    return 39;
}

/* Adds a row, cut at the terminal's width: a narrow strip leaves the names
 * enough for a person's. */
static void add_row(struct bytes *b, const struct row *r, int width)
{
    int name = width < 45 ? 8 : 11;

    addf(b, "\033[%dm%-*.*s \033[0;%dm%.*s\033[0m\033[K", color_of(r->name),
         name, name, r->name, r->color, width - name - 1, r->does);
}

/* As many rows as there is room for. */
static void add_rows(struct bytes *b, const struct row *rows, int n,
                     const struct winsize *size)
{
    int shown = n <= size->ws_row ? n : size->ws_row - 1;

    for (int i = 0; i < shown; i++) {
        addf(b, i > 0 ? "\r\n" : "");
        add_row(b, &rows[i], size->ws_col);
    }
    if (shown < n)
        addf(b, "\r\n\033[2mand %d more\033[0m\033[K", n - shown);
    addf(b, "\033[J");
}

static void write_all(const struct bytes *b)
{
    size_t done = 0;
    ssize_t n;

    while (done < b->len) {
        n = write(terminal, b->p + done, b->len - done);
        if (n < 0 && errno != EINTR)
            return;
        done += n > 0 ? n : 0;
    }
}

/* Draws the strip if it has changed, or is a second old. */
static void draw(void)
{
    static struct row rows[ROWS_MAX];
    static struct bytes drawn;
    static long last;
    struct winsize size = {24, 40, 0, 0};
    struct bytes b = {0};
    int n;

    if (terminal < 0 || server == 0)
        return;
    look_at_people(folder, port);
    n = tell_threads(rows, server, other);
    ioctl(terminal, TIOCGWINSZ, &size);
    addf(&b, "\033[H\033[?25l");
    add_rows(&b, rows, n, &size);
    if (drawn.p == NULL || strcmp(b.p, drawn.p) != 0
        || now_ms() - last >= DRAW_MS) {
        write_all(&b);
        last = now_ms();
    }
    forget(&drawn);
    drawn = b;
}

/* --- how it ended --- */

static const char *name_signal(int sig)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGINT, "SIGINT"},   {SIGPIPE, "SIGPIPE"},
                 {SIGTERM, "SIGTERM"}, {SIGKILL, "SIGKILL"},
                 {SIGSEGV, "SIGSEGV"}, {SIGABRT, "SIGABRT"}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == sig)
            return names[i].name;
    return strsignal(sig);
}

static int tell_end(int status)
{
    struct bytes b = {0};

    printf("\r\033[K");
    if (WIFSIGNALED(status))
        printf("\033[31mThe server was killed by %s.\033[0m\n",
               name_signal(WTERMSIG(status)));
    else
        printf("The server has ended, with exit status %d.\n",
               WEXITSTATUS(status));
    fflush(stdout);
    addf(&b, "\033[H\033[2m(no server)\033[0m\033[K\033[J");
    if (terminal >= 0)
        write_all(&b);
    if (taken && !WIFSIGNALED(status))
        return TAKEN;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* --- all of it --- */

static char **read_options(int argc, char *argv[])
{
    int c;

    while ((c = getopt(argc, argv, "+t:n:o:b:p")) != -1)
        if (c == 't')
            terminal = open(optarg, O_WRONLY | O_NOCTTY | O_CLOEXEC);
        else if (c == 'n')
            port_file = optarg;
        else if (c == 'b')
            remember(atoi(optarg), "broker");
        else if (c == 'o')
            other = optarg;
        else if (c == 'p')
            prompts = 1;
    if (argc - optind < 2) {
        fprintf(stderr, "usage: strip [-t TERMINAL] [-n FILE] [-b PORT] "
                        "[-o NAME] [-p] FOLDER PROGRAM [ARGUMENT...]\n");
        exit(2);
    }
    folder = argv[optind];
    return argv + optind + 1;
}

int main(int argc, char *argv[])
{
    char **program = read_options(argc, argv);
    struct pollfd p = {-1, POLLIN, 0};
    int status;

    set_signals();
    p.fd = start(program);
    while (waitpid(server, &status, WNOHANG) == 0) {
        poll(&p, 1, LOOK_MS);
        if (p.fd >= 0 && show_log(p.fd) == 0)
            p.fd = -1;
        draw();
    }
    if (p.fd >= 0)
        show_log(p.fd);
    return tell_end(status);
}
