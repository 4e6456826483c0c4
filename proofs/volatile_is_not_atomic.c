/* volatile_is_not_atomic: two threads count, and volatile loses some. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { TIMES = 1000000 };

static volatile int plain; /* A data race: that is the point. */
static atomic_int whole;
static atomic_int ready;

static void *count(void *arg)
{
    (void)arg;
    ready++;
    while (ready < 2) /* Both begin at once. */
        sched_yield();
    for (int i = 0; i < TIMES; i++)
        plain++; /* read, add, write: three steps */
    for (int i = 0; i < TIMES; i++)
        whole++; /* one */
    return NULL;
}

/* Lets two threads count at once, from 0. */
static void play(void)
{
    pthread_t thread[2];

    plain = 0;
    whole = 0;
    ready = 0;
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, count, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
}

int main(void)
{
    time_t begin = time(NULL);

    do /* A round that loses nothing proves nothing: then there is another. */
        play();
    while (plain == 2 * TIMES && time(NULL) - begin < 2);

    printf("volatile int: 2 * %d = %d; counted: %d; lost: %d\n", TIMES,
           2 * TIMES, plain, 2 * TIMES - plain);
    printf("atomic_int:   2 * %d = %d; counted: %d; lost: %d\n", TIMES,
           2 * TIMES, whole, 2 * TIMES - whole);
    if (whole != 2 * TIMES)
        return 1;
    return plain == 2 * TIMES ? 77 : 0;
}
