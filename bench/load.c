/* load.c: puts a chat server under load, checks every byte, and measures. */
#define _POSIX_C_SOURCE 200809L
#include "load.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct options opt = {.members = 100,
                      .speakers = 4,
                      .window = 1,
                      .size = 64,
                      .seconds = 1,
                      .warm = 0.2,
                      .log = "/dev/null"};

static const char usage[] =
    "usage: load [options] -p PORT -P PID      a server that runs already\n"
    "       load [options] -p PORT -P PID -p PORT -P PID -B PID\n"
    "                      several with one room, and the broker between them\n"
    "       load [options] -p PORT COMMAND...  one that load starts and ends\n"
    "       load -C [-n N -l BYTES -t SECONDS] what the TCP stack alone can "
    "do\n"
    "       load -f                            prints a free port\n"
    "       load -e COMMAND...                 runs it where load runs "
    "servers\n"
    "  -x PROTOCOL  ours when left out; all are named below\n"
    "  -n N         members of the room, each of whom is checked (100)\n"
    "  -s S         how many of them speak (4)\n"
    "  -w W         lines that each speaker has under way (1)\n"
    "  -a           ... until she has heard them herself, not until all have\n"
    "  -l BYTES     the size of a line, its newline included (64)\n"
    "  -k LINES     each speaker says at most so many, and then is silent\n"
    "  -S K         so many more who never read\n"
    "  -q RATE      so many a second who come and never read\n"
    "  -c RATE      so many a second who come and leave (at most 64 are "
    "there)\n"
    "  -r RATE      so many a second who come and crash\n"
    "  -d RATE      so many single bytes a second of a line without an end\n"
    "  -t SECONDS   how long it measures (1)\n"
    "  -u SECONDS   how long it warms up before that (0.2)\n"
    "  -H FILE      writes the times from saying to hearing to this file\n"
    "  -o FILE      what the server prints goes there (/dev/null)\n"
    "All is at 127.0.0.1. Prints NAME<tab>VALUE, a line each. Status 0; 1 if "
    "a\n"
    "byte was lost, doubled, torn or out of order, or a healthy member was "
    "let\n"
    "go, or the room stood still; 2 for a wrong option; 77 if this machine\n"
    "does not allow so many descriptors.\n"
    "Protocols:\n";

/* Ends the server, too: nothing of ours stays behind. */
void die(const char *what, const char *why)
{
    fprintf(stderr, "load: %s: %s\n", what, why);
    stop_server();
    exit(1);
}

/* The server broke a promise. */
void fault(const char *what, int number)
{
    printf("fault\t%s (%d)\n", what, number);
    fflush(stdout);
    stop_server();
    exit(1);
}

static void on_signal(int sig)
{
    (void)sig;
    stop_server();
    _exit(1);
}

static int number(const char *s, long least, long most)
{
    char *end;
    long n = strtol(s, &end, 10);

    if (*s == '\0' || *end != '\0' || n < least || n > most) {
        fprintf(stderr, "load: %s: not a number from %ld to %ld\n", s, least,
                most);
        exit(2);
    }
    return (int)n;
}

/* The options that are whole numbers. */
static const struct {
    int letter, *value, least, most;
} numbers[] = {
    {'B', &opt.broker, 1, 1 << 30},       {'n', &opt.members, 1, 100000},
    {'s', &opt.speakers, 1, 1000},        {'w', &opt.window, 1, 4096},
    {'l', &opt.size, LINE_MIN, LINE_MAX}, {'k', &opt.most_lines, 1, 1 << 30},
    {'S', &opt.stalled, 0, 1000},         {'q', &opt.stalls, 0, 1000},
    {'c', &opt.visits, 0, 10000},         {'r', &opt.resets, 0, 10000},
    {'d', &opt.drips, 0, 10000},
};

static void add(struct list *list, int n)
{
    if (list->n == SERVERS) {
        fprintf(stderr, "load: more than %d servers\n", SERVERS);
        exit(2);
    }
    list->of[list->n++] = n;
}

static void show_usage(int status)
{
    FILE *out = status == 0 ? stdout : stderr;

    fputs(usage, out);
    list_protocols(out);
    exit(status);
}

static void set_option(int letter, const char *arg)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (letter == numbers[i].letter)
            *numbers[i].value = number(arg, numbers[i].least, numbers[i].most);
    if (letter == 'p')
        add(&opt.ports, number(arg, 1, 65535));
    else if (letter == 'P')
        add(&opt.pids, number(arg, 1, 1 << 30));
    else if (letter == 'x')
        opt.protocol = find_protocol(arg);
    else if (letter == 't')
        opt.seconds = strtod(arg, NULL);
    else if (letter == 'u')
        opt.warm = strtod(arg, NULL);
    else if (letter == 'H')
        opt.histogram = arg;
    else if (letter == 'o')
        opt.log = arg;
    else if (letter == 'a')
        opt.self = 1;
    else if (letter == 'C')
        opt.ceiling = 1;
    else if (letter == 'e')
        opt.become = 1;
    else if (letter == 'f')
        printf("%d\n", free_port());
    if (letter == 'f')
        exit(0);
    if (letter == 'h' || letter == '?')
        show_usage(letter == 'h' ? 0 : 2);
}

/* Each has a process, which we start or are told of. */
static int knows_servers(void)
{
    return opt.ports.n > 0 && opt.ports.n == opt.pids.n + (opt.command != NULL);
}

static void read_options(int argc, char *argv[])
{
    int letter;

    /* The + keeps GNU's getopt off the options of the command. */
    opt.protocol = find_protocol("ours");
    while ((letter = getopt(argc, argv,
                            "+aehCfx:p:P:B:n:s:w:l:k:S:q:c:r:d:t:u:H:o:"))
           != -1)
        set_option(letter, optarg);
    if (optind < argc)
        opt.command = argv + optind;
    if (opt.become ? !opt.command : !opt.ceiling && !knows_servers())
        show_usage(2);
    if (opt.speakers > opt.members || !(opt.seconds > 0 && opt.seconds < 600)) {
        fprintf(stderr, "load: more speakers than members, or no such time\n");
        exit(2);
    }
}

/* Waits a little, hears what there is, and lets speak who may. */
static void turn(void)
{
    struct peer *ready[EVENTS];
    int rates = opt.visits || opt.resets || opt.stalls || opt.drips;
    int n, soon = speak_all() || rates;

    n = wait_ready(ready, soon ? 1 : 20);
    for (int i = 0; i < n; i++)
        ready[i]->readable(ready[i]);
    if (rates)
        visit(now_ns());
}

static void run_for(double seconds)
{
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);

    while (now_ns() < end)
        turn();
}

/* Everyone comes in, and hears the first line. Returns the KiB each costs. */
static double fill_room(void)
{
    int connections = opt.members + opt.stalled;
    uint64_t end;

    add_stalled();
    make_room();
    open_mouths();
    end = now_ns() + 10000000000u;
    while (!first_line_heard() && now_ns() < end)
        turn();
    if (speakers[0].base == 0)
        fault("the first line is not heard by all", 0);
    return (double)(memory_of_servers() - memory_at_start) / connections;
}

/* What time and processor time have been used, in seconds. */
struct usage {
    double time, server, broker, own, all;
};

static double cpu_of_servers(void)
{
    double sum = 0;

    for (int i = 0; i < opt.pids.n && sum >= 0; i++) {
        double one = cpu_of(opt.pids.of[i]);

        sum = one < 0 ? -1 : sum + one;
    }
    return sum;
}

static struct usage usage_now(void)
{
    struct usage u = {.time = (double)now_ns() / 1e9};

    u.server = cpu_of_servers();
    u.broker = opt.broker != 0 ? cpu_of(opt.broker) : 0;
    u.own = (double)clock() / CLOCKS_PER_SEC;
    u.all = cpu_of_all();
    return u;
}

static void report(const struct usage *a, const struct usage *b, double kib)
{
    double n = (double)deliveries, seconds = b->time - a->time;
    double server = b->server - a->server, own = b->own - a->own;
    double broker = b->broker - a->broker;
    double others = b->all - a->all - server - broker - own;
    uint64_t silent = now_ns() - last_delivery;

    if (silent > longest_gap)
        longest_gap = silent;
    printf("deliveries_per_s\t%.0f\n", n / seconds);
    printf("mib_per_s\t%.1f\n", (double)bytes_heard / seconds / (1 << 20));
    printf("p50_ms\t%.3f\np99_ms\t%.3f\np99.9_ms\t%.3f\nmax_ms\t%.3f\n",
           hist_ms(0.5), hist_ms(0.99), hist_ms(0.999), hist_ms(1));
    printf("longest_silence_ms\t%.1f\n", (double)longest_gap / 1e6);
    printf("load_cpu_percent\t%.1f\n", 100 * own / seconds);
    if (a->server < 0) /* This system does not tell. */
        return;
    printf("cpu_percent\t%.1f\n", 100 * server / seconds);
    printf("cpu_us_per_delivery\t%.3f\n", n > 0 ? 1e6 * server / n : 0);
    if (opt.broker != 0)
        printf("broker_cpu_us_per_delivery\t%.3f\n",
               n > 0 ? 1e6 * broker / n : 0);
    printf("others_cpu_percent\t%.1f\n",
           others > 0 ? 100 * others / seconds : 0);
    printf("kib_per_client\t%.2f\n", kib);
    printf("memory_mib\t%.1f\n", (double)memory_of_servers() / 1024);
}

static void measure(double kib)
{
    struct usage before, after;

    run_for(opt.warm);
    hist_clear();
    deliveries = bytes_heard = 0;
    forget_gap();
    before = usage_now();
    run_for(opt.seconds);
    after = usage_now();
    report(&before, &after, kib);
    if (opt.histogram != NULL && deliveries > 0)
        hist_write(opt.histogram);
    if (deliveries == 0 && !all_said())
        fault("the room stands still", 0);
}

int main(int argc, char *argv[])
{
    int cores;
    double kib;

    read_options(argc, argv);
    raise_limit();
    cores = choose_cores();
    if (opt.become)
        become_server();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGALRM, on_signal); /* ends whatever hangs */
    alarm((unsigned)(opt.seconds + opt.warm) + 40);
    if (opt.ceiling)
        return ceiling();
    if (opt.command != NULL)
        add(&opt.pids, start_server());
    use_core(0);
    printf("own_cores\t%s\n", cores ? "yes" : "no");
    kib = fill_room();
    measure(kib);
    stop_server();
    return 0;
}
