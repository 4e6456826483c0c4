/* A chat server that tells all that it does. Each visitor has a seat, of which
 * there are many, and a thread that listens to her; threads are counted by a
 * semaphore that is posted when one ends. */
#define _POSIX_C_SOURCE 200809L
#include "log.h"
#include "rung.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SEATS 1000
#define MESSAGE_MAX 1024
#define ADDRESS_MAX 32

typedef struct {
    bool taken;
    int number, socket;
    unsigned long messages;
    char address[ADDRESS_MAX];
    time_t since;
} seat_t;

/* Everything in here belongs to who holds the key. */
static struct {
    pthread_mutex_t key;
    seat_t seat[SEATS];
    int visitors;
    int threads;
    bool closing;
} house = {.key = PTHREAD_MUTEX_INITIALIZER, .threads = 1};

static sem_t farewell; /* posted by each thread as it ends */
static int hall;       /* the listening socket */
static int whistle[2];
static time_t opened;

static const char help_text[] =
    "This is a chat server for a course in systems programming.\n"
    "\n"
    "Usage:\n"
    "    server              serve on localhost, port 9999\n"
    "    server PORT         serve on localhost\n"
    "    server HOST PORT    serve on that address\n"
    "    server -h           show this text\n"
    "\n"
    "At its console, \"quit\" ends it; anything else shows its state.\n";

static bool is_closing(void)
{
    bool yes;

    pthread_mutex_lock(&house.key);
    yes = house.closing;
    pthread_mutex_unlock(&house.key);
    return yes;
}

/* --- seats --- */

/* Called with the key. */
static seat_t *free_seat(void)
{
    for (int i = 0; i < SEATS; i++)
        if (!house.seat[i].taken)
            return &house.seat[i];
    return NULL;
}

/* Returns NULL when the house is full. */
static seat_t *take_seat(int socket, const struct sockaddr_in *whose)
{
    seat_t *seat;
    char ip[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &whose->sin_addr, ip, sizeof ip);
    pthread_mutex_lock(&house.key);
    seat = free_seat();
    if (seat != NULL) {
        seat->taken = true;
        seat->number = (int)(seat - house.seat);
        seat->socket = socket;
        seat->messages = 0;
        seat->since = time(NULL);
        snprintf(seat->address, sizeof seat->address, "%s:%hu", ip,
                 ntohs(whose->sin_port));
        house.visitors++;
        house.threads++;
    }
    pthread_mutex_unlock(&house.key);
    return seat;
}

/* The seat is free only once its socket is closed; and the diary is written
 * last, when all of it is true. */
static void leave_seat(seat_t *seat)
{
    char address[ADDRESS_MAX];
    unsigned long messages = seat->messages;
    int visitors;

    memcpy(address, seat->address, sizeof address);
    pthread_mutex_lock(&house.key);
    close(seat->socket);
    seat->taken = false;
    visitors = --house.visitors;
    pthread_mutex_unlock(&house.key);
    diary(INFO, "%s left after %lu message(s), %d visitor(s) remain", address,
          messages, visitors);
}

/* What a thread does last. */
static void end_thread(void)
{
    pthread_mutex_lock(&house.key);
    house.threads--;
    pthread_mutex_unlock(&house.key);
    sem_post(&farewell);
}

/* --- what is said --- */

static bool send_whole(int socket, const char *bytes, size_t count)
{
    size_t sent = 0;

    while (sent < count) {
        ssize_t n = write(socket, bytes + sent, count - sent);

        if (n < 0 && errno != EINTR)
            return false;
        sent += n < 0 ? 0 : n;
    }
    return true;
}

static void tell(seat_t *seat, const char *bytes, size_t count)
{
    if (send_whole(seat->socket, bytes, count))
        return;
    diary(WARN, "cannot write to %s (%s): she will have to go", seat->address,
          strerror(errno));
    shutdown(seat->socket, SHUT_RDWR);
}

static void pass_on(seat_t *speaker, const char *message, size_t count)
{
    char packet[128 + MESSAGE_MAX], date[32];
    time_t now = time(NULL);
    struct tm tm;
    size_t used;

    strftime(date, sizeof date, "[%Y-%m-%d %H:%M:%S]", localtime_r(&now, &tm));
    used = snprintf(packet, 128, "%s %s ", date, speaker->address);
    memcpy(packet + used, message, count);
    if (RUNG < 4) {
        tell(speaker, packet, used + count);
        return;
    }
    pthread_mutex_lock(&house.key);
    for (int i = 0; i < SEATS; i++)
        if (house.seat[i].taken)
            tell(&house.seat[i], packet, used + count);
    pthread_mutex_unlock(&house.key);
}

static bool says_quit(const char *message, size_t count)
{
    if (count > 0 && message[count - 1] == '\n')
        count--;
    if (count == 5 && message[4] == '\r')
        count--;
    return RUNG >= 5 && count == 4 && strncmp(message, "quit", 4) == 0;
}

/* Only her own thread counts, but the console reads it. */
static void count_message(seat_t *seat)
{
    pthread_mutex_lock(&house.key);
    seat->messages++;
    pthread_mutex_unlock(&house.key);
}

static void *listen_to(void *argument)
{
    seat_t *seat = argument;
    char message[MESSAGE_MAX];
    ssize_t count;

    diary(INFO, "%s joined and sits on seat %d", seat->address, seat->number);
    while (!is_closing()) {
        count = read(seat->socket, message, sizeof message);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            diary(WARN, "cannot read from %s: %s", seat->address,
                  strerror(errno));
        if (count <= 0 || says_quit(message, count))
            break;
        count_message(seat);
        diary(DEBUG, "%s says something of %zd byte(s)", seat->address, count);
        pass_on(seat, message, count);
    }
    leave_seat(seat);
    end_thread();
    return NULL;
}

/* --- the door --- */

static void welcome(int socket, const struct sockaddr_in *whose)
{
    pthread_t thread;
    seat_t *seat;
    int error;

    fcntl(socket, F_SETFL, 0); /* some systems hand O_NONBLOCK on */
    seat = take_seat(socket, whose);
    if (seat == NULL) {
        diary(WARN, "no seat is free, so somebody was sent away");
        close(socket);
        return;
    }
    error = pthread_create(&thread, NULL, listen_to, seat);
    if (error != 0) {
        diary(WARN, "no thread for %s: %s", seat->address, strerror(error));
        leave_seat(seat);
        end_thread();
        return;
    }
    pthread_detach(thread);
}

/* Out of descriptors: before the rung that teaches errors it just tries again,
 * and from there on it takes a breath. */
static void breathe(void)
{
    struct pollfd until = {whistle[0], POLLIN, 0};

    if (RUNG < 6)
        return;
    diary(ERROR, "accept: %s", strerror(errno));
    poll(&until, 1, 300);
}

static void *keep_the_door(void *argument)
{
    struct pollfd events[2] = {{hall, POLLIN, 0}, {whistle[0], POLLIN, 0}};
    struct sockaddr_in whose;
    socklen_t size;
    int socket;

    (void)argument;
    while (!is_closing()) {
        poll(events, 2, -1);
        if (events[1].revents != 0)
            break;
        size = sizeof whose;
        socket = accept(hall, (struct sockaddr *)&whose, &size);
        if (socket >= 0)
            welcome(socket, &whose);
        else if (errno != EINTR && errno != ECONNABORTED && errno != EAGAIN)
            breathe();
    }
    diary(DEBUG, "the door is shut");
    end_thread();
    return NULL;
}

/* --- the console --- */

static void show_state(void)
{
    time_t now = time(NULL);

    pthread_mutex_lock(&house.key);
    printf("\n   The server runs since %ld second(s) with %d thread(s).\n",
           (long)(now - opened), house.threads);
    for (int i = 0; RUNG >= 4 && i < SEATS; i++)
        if (house.seat[i].taken)
            printf("   Client %d: %s  (%lu message(s))\n", i,
                   house.seat[i].address, house.seat[i].messages);
    if (RUNG >= 4)
        printf("   That makes %d.\n", house.visitors);
    pthread_mutex_unlock(&house.key);
    fflush(stdout);
}

static void close_house(void)
{
    pthread_mutex_lock(&house.key);
    house.closing = true;
    for (int i = 0; i < SEATS; i++)
        if (house.seat[i].taken)
            shutdown(house.seat[i].socket, SHUT_RDWR);
    pthread_mutex_unlock(&house.key);
    close(whistle[1]);
    diary(INFO, "we are stopping");
}

/* Any length, any blanks at the end. */
static void sit_at_the_console(void)
{
    char *line = NULL;
    size_t space = 0;
    bool terminal = isatty(STDIN_FILENO);
    ssize_t count;

    for (;;) {
        if (terminal) {
            fputs(">>> ", stdout);
            fflush(stdout);
        }
        count = getline(&line, &space, stdin);
        if (count < 0)
            break;
        while (count > 0 && strchr(" \t\r\n", line[count - 1]) != NULL)
            line[--count] = '\0';
        if (strcmp(line, "quit") == 0) {
            free(line);
            close_house();
            return;
        }
        show_state();
    }
    free(line);
    diary(INFO, "nobody sits at the console, which changes nothing");
}

/* --- the beginning and the end --- */

static void refuse(const char *host, const char *port, const char *why)
{
    fprintf(stderr, "I cannot serve on host \"%s\" and port \"%s\": %s.\n",
            host, port, why);
    exit(EXIT_FAILURE);
}

static void open_house(const char *host, const char *port)
{
    struct addrinfo wish = {.ai_family = AF_INET,
                            .ai_socktype = SOCK_STREAM,
                            .ai_protocol = IPPROTO_TCP};
    struct addrinfo *found;
    struct sockaddr_in me;
    socklen_t size = sizeof me;
    char *end, ip[INET_ADDRSTRLEN];
    unsigned long number = strtoul(port, &end, 10);
    int yes = 1, error;

    if (port[0] == '\0' || strspn(port, "0123456789") != strlen(port)
        || number > USHRT_MAX)
        refuse(host, port, "that is no number between 0 and 65535");
    error = getaddrinfo(host, port, &wish, &found);
    if (error != 0)
        refuse(host, port, gai_strerror(error));
    hall = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (hall < 0
        || setsockopt(hall, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0
        || bind(hall, found->ai_addr, found->ai_addrlen) < 0
        || listen(hall, SOMAXCONN) < 0
        || getsockname(hall, (struct sockaddr *)&me, &size) < 0)
        refuse(host, port, strerror(errno));
    freeaddrinfo(found);
    fcntl(hall, F_SETFL, O_NONBLOCK);
    inet_ntop(AF_INET, &me.sin_addr, ip, sizeof ip);
    diary(INFO, "%d seats, nobody has joined, and nobody has left yet", SEATS);
    diary(INFO, "listening on %s:%d with a backlog of %d", ip,
          (int)ntohs(me.sin_port), SOMAXCONN);
}

static int threads_now(void)
{
    int n;

    pthread_mutex_lock(&house.key);
    n = house.threads;
    pthread_mutex_unlock(&house.key);
    return n;
}

int main(int argc, char **argv)
{
    pthread_t porter;

    if (argc == 2 && strcmp(argv[1], "-h") == 0) {
        fputs(help_text, stdout);
        return EXIT_SUCCESS;
    }
    if (argc > 3 || (argc >= 2 && argv[1][0] == '-')) {
        fprintf(stderr, "I do not understand that.\n%s", help_text);
        return 2;
    }
    opened = time(NULL);
    signal(SIGPIPE, SIG_IGN);
    if (sem_init(&farewell, 0, 0) != 0 || pipe(whistle) != 0) {
        perror("server");
        return EXIT_FAILURE;
    }
    open_house(argc == 3 ? argv[1] : "localhost",
               argc >= 2 ? argv[argc - 1] : "9999");
    house.threads++;
    if (pthread_create(&porter, NULL, keep_the_door, NULL) != 0)
        return EXIT_FAILURE;
    pthread_detach(porter);
    sit_at_the_console();
    while (threads_now() > 1)
        sem_wait(&farewell);
    close(hall);
    close(whistle[0]);
    return EXIT_SUCCESS;
}
