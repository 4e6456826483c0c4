/* queue: bytes that wait for a client, in blocks out of one fixed pool, so
 * that all that waits has a bound. Who calls holds the caller's lock. */
#ifndef QUEUE_H
#define QUEUE_H
#include <stddef.h>

struct block;

/* All zero: empty. */
struct queue {
    struct block *first, *last;
    size_t sent;    /* of the first block */
    size_t waiting; /* bytes */
};

/* Whether the pool has a block. */
int queue_space(void);

/* Adds what there is space for; returns how much that was. */
size_t queue_add(struct queue *q, const char *s, size_t n);

/* The next bytes, n of them. They stay where they are, lock or no lock, until
 * the caller takes some, or drops all. */
const char *queue_peek(const struct queue *q, size_t *n);

void queue_take(struct queue *q, size_t n);

/* Drops all but the first block, which somebody may be sending. */
void queue_cut(struct queue *q);

void queue_drop(struct queue *q);

#endif
