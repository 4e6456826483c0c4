/* histogram.c: times in buckets that grow, so that each is exact to 2 %. */
#define _POSIX_C_SOURCE 200809L
#include "load.h"
#include <string.h>

enum {
    FINE = 64, /* buckets for each doubling */
    FINE_BITS = 6,
    BUCKETS = 40 * FINE
};

static uint64_t count[BUCKETS], total;

/* Values below 2 * FINE have a bucket each; then each doubling has FINE. */
static int bucket_of(uint64_t ns)
{
    int shift, b;

    if (ns < 2 * FINE)
        return (int)ns;
    shift = 63 - FINE_BITS - __builtin_clzll(ns); /* gcc and clang have it */
    b = shift * FINE + (int)(ns >> shift);
    return b < BUCKETS ? b : BUCKETS - 1;
}

/* The middle of a bucket, in nanoseconds. */
static double middle(int bucket)
{
    int shift = bucket / FINE - 1;

    if (shift < 1)
        return bucket;
    return (bucket % FINE + FINE + 0.5) * (double)((uint64_t)1 << shift);
}

void hist_add(uint64_t ns)
{
    count[bucket_of(ns)]++;
    total++;
}

void hist_clear(void)
{
    memset(count, 0, sizeof count);
    total = 0;
}

/* The time within which this part of the lines was heard, in milliseconds. */
double hist_ms(double quantile)
{
    uint64_t want = (uint64_t)(quantile * (double)total), seen = 0;
    int b = 0;

    if (total == 0)
        return 0;
    if (want >= total)
        want = total - 1;
    while (b < BUCKETS - 1 && (seen += count[b]) <= want)
        b++;
    return middle(b) / 1e6;
}

/* A line a bucket: milliseconds, and the part of all that came within them. */
void hist_write(const char *file)
{
    FILE *out = fopen(file, "w");
    uint64_t seen = 0;

    if (out == NULL)
        die(file, "cannot be written");
    for (int b = 0; b < BUCKETS; b++) {
        seen += count[b];
        if (count[b] > 0)
            fprintf(out, "%.6f\t%.8f\t%.8f\n", middle(b) / 1e6,
                    (double)seen / (double)total,
                    (double)count[b] / (double)total);
    }
    fclose(out);
}
