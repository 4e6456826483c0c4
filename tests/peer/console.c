/* console: what a program answers to a line that is typed at it: the number of
 * its threads, and who is connected, in whatever words and order. */
#include "peer.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An answer is whole when the program rests; where nothing tells that, when all
 * of these people are in it. As long as there is none, a nap is no rest: a
 * program that looks at stdin every now and then will answer. */
struct answering {
    struct prog *prog;
    struct rest rest;
    char **who;
};

/* Does the address stand at p, and not as a part of a longer one? */
static int is_address(const char *text, const char *p, size_t n)
{
    if (p > text && (isdigit((unsigned char)p[-1]) || p[-1] == '.'))
        return 0;
    return !isdigit((unsigned char)p[n]);
}

/* How often the address of one stands in a text. */
static int times_in(const char *text, const struct peer *one)
{
    size_t n = strlen(one->addr);
    int times = 0;

    if (n == 0)
        return 0;
    for (const char *p = text; (p = strstr(p, one->addr)) != NULL; p += n)
        times += is_address(text, p, n);
    return times;
}

/* What it has shown since somebody asked for it last; a NUL is the end. */
static const char *answer_of(const struct prog *g)
{
    return g->out.p != NULL ? g->out.p + g->done : "";
}

static int all_named(struct answering *a)
{
    for (char **who = a->who; *who != NULL; who++)
        if (times_in(answer_of(a->prog), find(*who)) == 0)
            return 0;
    return *answer_of(a->prog) != '\0';
}

static int has_answered(void *arg)
{
    struct answering *a = arg;
    unsigned long turns = 0;
    int asleep;

    if (!a->prog->child.alive)
        return -1;
    if (count_threads(a->prog, &asleep) == 0)
        return all_named(a);
    if (!rests(&a->rest))
        return 0;
    return *answer_of(a->prog) != '\0'
           || threads_wait_for_ever(a->prog->child.pid, &turns);
}

/* Waits for an answer that names these people. 1, or 0 after an answer to the
 * test that says why there is none. */
static int wait_for_answer(struct prog *g, char **who)
{
    struct answering a = {.prog = g, .rest = {.prog = g}, .who = who};
    int r = until_every(10, has_answered, &a);

    pump(0, 0, -1);
    if (r == -1) {
        fail(ending(g), "it ended instead of answering");
        return 0;
    }
    if (*answer_of(g) != '\0')
        return 1;
    fail("timeout", "expected: a line on its stdout\nseen:     (nothing)%s",
         mentions(&g->err, 0, "threads:") ? "\nIts stderr has one." : "");
    return 0;
}

/* What is wrong with one line, or NULL: two names, or one that was there. */
static const char *wrong_line(const char *line, int *seen)
{
    int here = 0;

    for (int i = 0; i < stage.npeers; i++) {
        int n = times_in(line, stage.peers[i]);

        seen[i] += n;
        here += n;
    }
    return here > 1 ? "two addresses are on one line" : NULL;
}

/* Is this one of the people who should be listed? */
static int is_among(const char *name, char **who)
{
    for (; *who != NULL; who++)
        if (strcmp(name, *who) == 0)
            return 1;
    return 0;
}

/* What is wrong with an answer, or NULL. */
static const char *wrong_list(const char *text, char **who)
{
    static char why[128], line[1024];
    static int seen[MAX_PEERS];
    const char *wrong = NULL, *end;

    memset(seen, 0, sizeof seen);
    for (; *text != '\0' && wrong == NULL; text = end) {
        end = text + strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(end - text), text);
        wrong = wrong_line(line, seen);
        end += *end == '\n';
    }
    for (int i = 0; wrong == NULL && i < stage.npeers; i++)
        if (seen[i] != is_among(stage.peers[i]->name, who)) {
            snprintf(why, sizeof why, "%s (%s) is listed %d times",
                     stage.peers[i]->name, stage.peers[i]->addr, seen[i]);
            wrong = why;
        }
    return wrong;
}

/* answers -> ok: once it has; all that it says is in the file "told" */
void program_answers(struct prog *g, char **arg)
{
    struct bytes told = {0};

    if (!wait_for_answer(g, arg))
        return;
    add(&told, g->out.p + g->done, g->out.len - g->done);
    g->done = g->out.len;
    save("told", &told);
    forget(&told);
    reply("ok");
}

/* lists WHO...: their addresses, once each, a line each, and nobody else's */
void program_lists(struct prog *g, char **arg)
{
    struct bytes report = {0};
    const char *wrong;

    if (!wait_for_answer(g, arg))
        return;
    wrong = wrong_list(answer_of(g), arg);
    if (wrong != NULL) {
        addf(&report, "expected: ");
        for (char **who = arg; *who != NULL; who++)
            addf(&report, "%s%s", who > arg ? " and " : "", find(*who)->addr);
        addf(&report, ", each once, each on a line of its own\nseen:     ");
        escape(&report, answer_of(g), strlen(answer_of(g)), 0);
        addf(&report, "\n%s.\n", wrong);
        fail_showing("bytes", &report);
        return;
    }
    g->done = g->out.len;
    reply("ok");
}

/* counts THREADS: the number stands in a line that is nobody's address */
void program_counts(struct prog *g, char **arg)
{
    struct bytes report = {0};
    long want = atol(arg[0]);
    int found = 0;

    if (!wait_for_answer(g, arg + 1))
        return;
    for (const char *p = answer_of(g); *p != '\0'; p += strspn(p, "\n")) {
        int address = 0, n = (int)strcspn(p, "\n");
        char line[1024];

        snprintf(line, sizeof line, "%.*s", n, p);
        for (int i = 0; i < stage.npeers; i++)
            address += times_in(line, stage.peers[i]);
        for (char *q = line; !address && *q != '\0';)
            if (isdigit((unsigned char)*q))
                found |= strtol(q, &q, 10) == want;
            else
                q++;
        p += n;
    }
    if (found) {
        g->done = g->out.len;
        reply("ok");
        return;
    }
    addf(&report,
         "expected: a line with %ld, the number of threads\nseen:     ", want);
    escape(&report, answer_of(g), strlen(answer_of(g)), 0);
    addf(&report, "\n");
    fail_showing("bytes", &report);
}
