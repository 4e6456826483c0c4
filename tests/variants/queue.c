/* queue: a free list, and blocks of about a kibibyte. */
#include "queue.h"
#include <string.h>

enum {
    BLOCK = 1008,
    BLOCKS = 3584 /* 3.5 MiB, all in all */
};

struct block {
    struct block *next;
    size_t size;
    char bytes[BLOCK];
};

static struct block pool[BLOCKS];
static struct block *spare;
static int used; /* so many of the pool have been used before */

int queue_space(void)
{
    return spare != NULL || used < BLOCKS;
}

static struct block *get_block(void)
{
    struct block *b = spare;

    if (b != NULL)
        spare = b->next;
    else if (used < BLOCKS)
        b = &pool[used++];
    if (b != NULL) {
        b->next = NULL;
        b->size = 0;
    }
    return b;
}

static void put_blocks(struct block *b)
{
    while (b != NULL) {
        struct block *next = b->next;

        b->next = spare;
        spare = b;
        b = next;
    }
}

size_t queue_add(struct queue *q, const char *s, size_t n)
{
    size_t added = 0;

    while (added < n) {
        size_t k = n - added;

        if (q->last == NULL || q->last->size == BLOCK) {
            struct block *b = get_block();

            if (b == NULL)
                break;
            *(q->last != NULL ? &q->last->next : &q->first) = b;
            q->last = b;
        }
        if (k > BLOCK - q->last->size)
            k = BLOCK - q->last->size;
        memcpy(q->last->bytes + q->last->size, s + added, k);
        q->last->size += k;
        added += k;
    }
    q->waiting += added;
    return added;
}

const char *queue_peek(const struct queue *q, size_t *n)
{
    *n = q->first->size - q->sent;
    return q->first->bytes + q->sent;
}

void queue_take(struct queue *q, size_t n)
{
    struct block *b = q->first;

    q->waiting -= n;
    q->sent += n;
    if (q->sent < b->size)
        return;
    q->sent = 0;
    q->first = b->next;
    if (q->first == NULL)
        q->last = NULL;
    b->next = NULL;
    put_blocks(b);
}

void queue_cut(struct queue *q)
{
    if (q->first == NULL)
        return;
    put_blocks(q->first->next);
    q->first->next = NULL;
    q->last = q->first;
    q->waiting = q->first->size - q->sent;
}

void queue_drop(struct queue *q)
{
    put_blocks(q->first);
    memset(q, 0, sizeof *q);
}
