/* answers: what the test is told, a line for each order and files beside it. */
#include "peer.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FLOOD_LINES = 50 }; /* so many of one kind are a flood */

static const char *folder; /* for the files */
static char token[64];     /* what a line begins with: none can forge one */

/* The files go into this folder, whose name stays the caller's. */
void answer_in(const char *path)
{
    folder = path;
}

/* From now on all lines begin with this word. */
void answer_with(const char *word)
{
    snprintf(token, sizeof token, "%s", word);
}

/* Writes b into the file of that name in the folder. */
void save(const char *name, const struct bytes *b)
{
    char path[1024];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    if (f == NULL) {
        perror(path); /* the test is over: the end of the orders comes next */
        return;
    }
    fwrite(b->p, 1, b->len, f);
    fclose(f);
}

/* The program that the test is about: the client, if one has been started. */
static const struct prog *under_test(void)
{
    if (stage.nclients > 0 && strcmp(stage.clients[0].name, "client") == 0)
        return &stage.clients[0];
    return stage.asked != NULL ? stage.asked : &stage.server;
}

static const char *name_of(const struct prog *server)
{
    return server == &stage.server ? "the server" : server->name + 7;
}

/* The log of a program, in the file "log"; where there are several servers,
 * theirs, one behind another, and that of g last: its end is what is shown. */
void save_log(const struct prog *g)
{
    struct bytes all = {0};
    struct prog *one;

    for (int i = 0; is_server(g->name) && (one = program(i)) != NULL; i++)
        if (one != g && is_server(one->name) && one->err.len > 0) {
            addf(&all, "--- the log of %s:\n", name_of(one));
            add(&all, one->err.p, one->err.len);
        }
    if (all.len > 0)
        addf(&all, "--- the log of %s:\n", name_of(g));
    add(&all, g->err.p, g->err.len);
    save("log", &all);
    forget(&all);
}

/* Answers with a line, as printf(3) writes it. */
void reply(const char *format, ...)
{
    va_list ap;

    if (strncmp(format, "fail", 4) == 0)
        save_log(under_test());
    printf("%s ", token);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    history("stage", strncmp(format, "fail", 4) == 0 ? "failed" : "done");
    putchar('\n');
    fflush(stdout);
}

/* Answers "fail CLASS", with a report as printf(3) writes it. */
void fail(const char *class, const char *format, ...)
{
    struct bytes report = {0};
    char text[4096];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    addf(&report, "%s\n", text);
    fail_showing(class, &report);
}

/* What was waited for in vain does something else: the file "doing" says what
 * the threads of the program under test do. */
static void save_doing(void)
{
    const struct prog *g = under_test();
    struct bytes doing = {0};

    if (g->child.alive)
        threads_tell(&doing, g->child.pid);
    save("doing", &doing);
    forget(&doing);
}

/* Without an end: the last line, without its time, and how often it stands in
 * the last MiB. */
static void tell_flood(struct bytes *report, const struct bytes *b,
                       const char *where)
{
    size_t n = b->len, from, times = 0,
           at = b->len > 1 << 20 ? n - (1 << 20) : 0;
    struct bytes line;

    while (n > 0 && b->p[n - 1] != '\n')
        n--;
    for (from = n > 0 ? n - 1 : 0; from > 0 && b->p[from - 1] != '\n';)
        from--;
    if (n - from > 20 && b->p[from + 4] == '-' && b->p[from + 13] == ':')
        from += 20;
    line = (struct bytes){b->p + from, n - from, 0};
    while (line.len > 1 && skip_past(b, &at, &line))
        times++;
    if (times < FLOOD_LINES)
        return;
    line.len = line.len > 200 ? 200 : line.len - 1;
    addf(report,
         "It wrote this line %lu times and more, on %s: ", (unsigned long)times,
         where);
    escape(report, line.p, line.len, 0);
    addf(report, "\n");
}

/* The same, with a report of several lines, which is forgotten. */
void fail_showing(const char *class, struct bytes *report)
{
    if (strcmp(class, "timeout") == 0 || strcmp(class, "start") == 0)
        save_doing();
    if (strcmp(class, "timeout") == 0 || strcmp(class, "flood") == 0) {
        tell_flood(report, &under_test()->err, "stderr");
        tell_flood(report, &under_test()->out, "stdout");
    }
    save("report", report);
    forget(report);
    reply("fail %s", class);
}
