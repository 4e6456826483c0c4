/* nagle_waits_for_the_ack: two small sends and a wait of 40 ms. */
#define _POSIX_C_SOURCE 200809L
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    ROUNDS = 41,
    EARLY = 20, /* A new connection is acknowledged at once, for a while. */
    MUCH = 10   /* so many times as long is no accident */
};

/* Makes a TCP connection; what one end sends, the other receives. */
static void tcp_pair(int *a, int *b)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    socklen_t len = sizeof addr;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener, (struct sockaddr *)&addr, len);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&addr, &len);
    *a = socket(AF_INET, SOCK_STREAM, 0);
    connect(*a, (struct sockaddr *)&addr, len);
    *b = accept(listener, NULL, NULL);
    close(listener);
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* Asks in as many sends as told, and waits for the answer, which comes once
 * both bytes are there. Returns how long that took. */
static double round_trip(int a, int b, int sends)
{
    char buf[2] = "ab";
    double start = now_ms();

    for (int i = 0; i < sends; i++)
        send(a, buf + i, 2 / sends, 0);
    recv(b, buf, 2, MSG_WAITALL);
    send(b, "!", 1, 0);
    recv(a, buf, 1, 0);
    return now_ms() - start;
}

static int longer(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Prints the median of the later rounds, in milliseconds, and returns it. */
static double median(const char *what, int sends, int nodelay)
{
    double took[ROUNDS];
    int a, b;

    tcp_pair(&a, &b);
    setsockopt(a, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof nodelay);
    for (int i = 0; i < ROUNDS; i++)
        took[i] = round_trip(a, b, sends);
    close(a);
    close(b);
    qsort(took + EARLY, ROUNDS - EARLY, sizeof took[0], longer);
    printf("%s: %.2f ms\n", what, took[(EARLY + ROUNDS) / 2]);
    return took[(EARLY + ROUNDS) / 2];
}

int main(void)
{
    double two, one, nodelay;

    alarm(10); /* ends a hang */
    two = median("two sends, then a recv", 2, 0);
    one = median("the same bytes in one send", 1, 0);
    nodelay = median("two sends, with TCP_NODELAY", 2, 1);
    if (two < MUCH * one && two < MUCH * nodelay) {
        printf("cannot be shown here: no ACK is delayed\n");
        return 77;
    }
    printf("Nagle's algorithm waits for an ACK that waits for an answer\n");
    return two >= MUCH * one && two >= MUCH * nodelay ? 0 : 1;
}
