/* orders: the table of all that can be ordered, and the way of one order from
 * its line to whoever obeys it. */
#include "peer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { LINE_SIZE = 1 << 16 };

static long born; /* when we were started */

/* --- orders to the peer itself --- */

/* token is WORD: from now on all answers begin with it */
static void token_is(char **arg)
{
    answer_with(arg[0]);
    reply("ok");
}

/* deadline is MS: for what follows */
static void deadline_is(char **arg)
{
    stage.deadline_ms = atoi(arg[0]);
    reply("ok");
}

/* clock tells -> ok MS: since the peer was started */
static void clock_tells(char **arg)
{
    (void)arg;
    reply("ok %ld", now_ms() - born);
}

/* descriptors allowed -> ok N: how many we, and a program of ours, may have */
static void descriptors_allowed(char **arg)
{
    struct rlimit files;

    (void)arg;
    getrlimit(RLIMIT_NOFILE, &files);
    reply("ok %ld", (long)files.rlim_cur);
}

/* --- the table --- */

struct verb {
    const char *who, *name;
    int least; /* so many arguments, or more */
    union {
        void (*person)(struct peer *p, char **arg);
        void (*program)(struct prog *g, char **arg);
        void (*crowd)(int n, char **arg);
        void (*itself)(char **arg);
    } does;
};

/* "server" stands for "server:NAME", too; "program" for each server and client,
 * and the broker; "person" for the host, too, and for a member of the crowd. */
static const struct verb verbs[] = {
    {"token", "is", 1, {.itself = token_is}},
    {"deadline", "is", 1, {.itself = deadline_is}},
    {"clock", "tells", 0, {.itself = clock_tells}},
    {"descriptors", "allowed", 0, {.itself = descriptors_allowed}},

    {"server", "starts", 0, {.program = server_starts}},
    {"server", "refuses", 0, {.program = server_refuses}},
    {"server", "lives", 0, {.program = server_lives}},
    {"server", "threads", 0, {.program = server_threads}},
    {"server", "descriptors", 0, {.program = server_descriptors}},
    {"server", "memory", 0, {.program = server_memory}},
    {"server", "works-for", 1, {.program = server_works_for}},
    {"server", "has-terminal", 0, {.program = server_has_terminal}},
    {"client", "starts", 0, {.program = client_starts}},
    {"broker", "starts", 1, {.program = broker_starts}},
    {"broker", "restarts", 0, {.program = broker_restarts}},
    {"program", "freezes", 0, {.program = program_freezes}},
    {"program", "thaws", 0, {.program = program_thaws}},
    {"program", "gets", 1, {.program = program_gets}},
    {"program", "dies", 0, {.program = program_dies}},
    {"program", "types", 1, {.program = program_types}},
    {"program", "closes-input", 0, {.program = program_closes_input}},
    {"program", "stops-reading", 0, {.program = program_stops_reading}},
    {"program", "shows", 1, {.program = program_shows}},
    {"program", "answers", 0, {.program = program_answers}},
    {"program", "lists", 0, {.program = program_lists}},
    {"program", "counts", 1, {.program = program_counts}},
    {"program", "output", 0, {.program = program_output}},
    {"program", "logs", 1, {.program = program_logs}},
    {"program", "rests", 0, {.program = program_rests}},
    {"program", "floods", 1, {.program = program_floods}},
    {"program", "ends", 0, {.program = program_ends}},

    {"person", "knocks", 0, {.person = knocks}},
    {"person", "joins", 0, {.person = joins}},
    {"person", "reaches", 1, {.person = reaches}},
    {"person", "says", 1, {.person = says}},
    {"person", "sends", 1, {.person = sends}},
    {"person", "says-slowly", 1, {.person = says_slowly}},
    {"person", "hears", 1, {.person = hears}},
    {"person", "hears-before", 3, {.person = hears_before}},
    {"person", "hears-exactly", 1, {.person = hears_exactly}},
    {"person", "hears-at-last", 1, {.person = hears_at_last}},
    {"person", "heard-time", 0, {.person = heard_time}},
    {"person", "waits-a-second", 0, {.person = waits_a_second}},
    {"person", "transcript", 1, {.person = transcript}},
    {"person", "sees-end", 0, {.person = sees_end}},
    {"person", "is-let-go", 0, {.person = is_let_go}},
    {"person", "is-logged-left", 0, {.person = is_logged_left}},
    {"person", "leaves", 0, {.person = leaves}},
    {"person", "half-closes", 0, {.person = half_closes}},
    {"person", "crashes", 0, {.person = crashes}},
    {"person", "vanishes", 0, {.person = vanishes}},
    {"person", "stops-reading", 0, {.person = stops_reading}},
    {"person", "reads-on", 0, {.person = reads_on}},
    {"person", "skims", 0, {.person = skims}},
    {"person", "is-unserved", 0, {.person = is_unserved}},
    {"person", "floods", 1, {.person = floods}},
    {"person", "talks-without-end", 0, {.person = talks_without_end}},
    {"person", "drinks", 1, {.person = drinks}},

    {"crowd", "joins", 1, {.crowd = crowd_joins}},
    {"crowd", "fills", 1, {.crowd = crowd_fills}},
    {"crowd", "agrees", 1, {.crowd = crowd_agrees}},
    {"crowd", "hears", 3, {.crowd = crowd_hears}},
    {"crowd", "greets", 1, {.crowd = crowd_greets}},
    {"crowd", "vanishes", 1, {.crowd = crowd_vanishes}},
    {"crowd", "comes-and-goes", 1, {.crowd = crowd_comes_and_goes}},
    {"crowd", "chats", 3, {.crowd = crowd_chats}},
    {"crowd", "storms", 4, {.crowd = crowd_storms}},

    {"host", "listens", 0, {.person = host_listens}},
    {"host", "accepts", 0, {.person = host_accepts}},
    {"host", "disappears", 0, {.person = host_disappears}},
    {"host", "sees-farewell", 0, {.person = host_sees_farewell}},
};

static int is_program(const char *who)
{
    return is_server(who) || is_client(who) || strcmp(who, "broker") == 0;
}

/* The row that is meant, or NULL. */
static const struct verb *look_up(const char *who, const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        const struct verb *v = &verbs[i];

        if (strcmp(v->name, name) == 0
            && (strcmp(v->who, who) == 0
                || (strcmp(v->who, "person") == 0 && is_person(who))
                || (strcmp(v->who, "client") == 0 && is_client(who))
                || (strcmp(v->who, "server") == 0 && is_server(who))
                || (strcmp(v->who, "program") == 0 && is_program(who))))
            return v;
    }
    return NULL;
}

/* --- the way of an order --- */

static void crowd_does(const struct verb *v, char **arg)
{
    int n = atoi(arg[0]);

    if (n < 1 || n > MAX_PEERS)
        fail("harness", "a crowd is of 1 to %d people", MAX_PEERS);
    else
        v->does.crowd(n, arg);
}

static void person_does(const struct verb *v, struct peer *p, char **arg)
{
    stage.asked = p->server;
    v->does.person(p, arg);
}

static void program_does(const struct verb *v, struct prog *g, char **arg)
{
    if (is_server(g->name))
        stage.asked = g;
    v->does.program(g, arg);
}

static void carry_out(const struct verb *v, const char *who, char **arg)
{
    if (strcmp(v->who, "person") == 0 || strcmp(v->who, "host") == 0)
        person_does(v, find(who), arg);
    else if (strcmp(v->who, "crowd") == 0)
        crowd_does(v, arg);
    else if (is_program(who))
        program_does(v, find_program(who), arg);
    else
        v->does.itself(arg);
}

/* Cuts the order up; how many words it has, MAX_ARGS + 1 if more than fit. A
 * NULL stands behind the last. */
static int cut_up(char *order, char *word[MAX_ARGS + 1])
{
    int n = 0;

    while (order != NULL && n < MAX_ARGS) {
        word[n++] = order;
        order = strchr(order, '\t');
        if (order != NULL)
            *order++ = '\0';
    }
    word[n] = NULL;
    return order == NULL ? n : MAX_ARGS + 1;
}

/* An order that nobody can obey is a fault of the test, and is named. */
static void obey(char *order)
{
    char *word[MAX_ARGS + 1], whole[256];
    const struct verb *v;
    int n;

    snprintf(whole, sizeof whole, "%s", order);
    for (char *c = whole; *c != '\0'; c++)
        if (*c == '\t')
            *c = ' ';
    n = cut_up(order, word);
    v = n < 2 ? NULL : look_up(word[0], word[1]);
    if (v == NULL)
        fail("harness", "nobody knows how to obey \"%s\"", whole);
    else if (n > MAX_ARGS)
        fail("harness", "\"%s\" has more than %d words", whole, MAX_ARGS);
    else if (n - 2 < v->least)
        fail("harness", "\"%s\" has too few arguments, it takes %d", whole,
             v->least);
    else {
        history_of_order(word[0], word + 1);
        carry_out(v, word[0], word + 2);
    }
}

/* Obeys line by line until the orders end: then the test is over. */
void obey_all(void)
{
    struct bytes orders = {0};
    char *end;

    born = now_ms();
    for (;;) {
        while (orders.p && (end = strchr(orders.p, '\n')) != NULL) {
            char *order = orders.p;
            size_t n = end + 1 - orders.p;

            *end = '\0';
            obey(order);
            memmove(orders.p, orders.p + n, orders.len - n + 1);
            orders.len -= n;
        }
        pump(-1, 1, -1);
        if (drain(0, &orders, LINE_SIZE) == 0)
            break;
    }
    forget(&orders);
}
