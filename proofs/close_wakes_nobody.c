/* close_wakes_nobody: close() does not wake a thread blocked in accept(). */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener, first, second, why;
static atomic_int stat_fd = -2; /* what /proc tells of the accept thread */

static void *accept_twice(void *arg)
{
    (void)arg;
    stat_fd = open("/proc/thread-self/stat", O_RDONLY);
    first = accept(listener, NULL, NULL);
    second = accept(listener, NULL, NULL);
    why = errno;
    return NULL;
}

/* Returns the accept thread's state: R, it runs; S, it sleeps; ?, it is gone.
 */
static char state(void)
{
    char text[256] = "", *name_end;

    if (pread(stat_fd, text, sizeof text - 1, 0) < 0)
        return '?';
    name_end = strrchr(text, ')');
    return name_end == NULL ? '?' : name_end[2];
}

/* Returns a listener on a free port; writes its address into addr. */
static int listen_on(struct sockaddr_in *addr, socklen_t len)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    addr->sin_family = AF_INET;
    addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(fd, (struct sockaddr *)addr, len);
    listen(fd, 1);
    getsockname(fd, (struct sockaddr *)addr, &len);
    return fd;
}

int main(void)
{
    struct sockaddr_in addr = {0};
    pthread_t thread;
    /* Made now: later it would be given the listener's number. */
    int client = socket(AF_INET, SOCK_STREAM, 0);
    char after;

    alarm(10); /* ends a hang */
    listener = listen_on(&addr, sizeof addr);
    pthread_create(&thread, NULL, accept_twice, NULL);
    while (stat_fd == -2)
        sched_yield();
    if (stat_fd == -1) {
        printf("cannot be shown here: no /proc/thread-self\n");
        return 77;
    }
    while (state() != 'S')
        sched_yield();
    printf("a thread sleeps in accept(listener)\n");
    printf("close(listener) returns %d; ", close(listener));
    after = state();
    printf("the thread %s\n", after == 'S' ? "sleeps on" : "is awake");
    if (connect(client, (struct sockaddr *)&addr, sizeof addr) == 0)
        printf("a client connects; ");
    pthread_join(thread, NULL);
    printf("accept() returns %s\n", first < 0 ? "-1" : "her connection");
    printf("the next one fails: %s\n", second < 0 ? strerror(why) : "no");
    return after == 'S' && first >= 0 && second < 0 ? 0 : 1;
}
