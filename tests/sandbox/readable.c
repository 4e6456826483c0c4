/* readable: copies its input to its output so that it is fit to be read.
 *
 *     readable [PATH...]
 *
 * What text.h says of bytes holds; and where the input names one of the paths,
 * "..." stands instead: whoever reads it need not know where it was graded. */
#include "text.h"
#include <stdlib.h>
#include <string.h>

/* How long the path is that stands at p; 0 if there is none. */
static size_t path_at(const char *p, size_t n, char *paths[])
{
    size_t best = 0;

    for (; *paths != NULL; paths++) {
        size_t len = strlen(*paths);

        if (len > 1 && len > best && len <= n && memcmp(p, *paths, len) == 0)
            best = len;
    }
    return best;
}

/* All of the input, in memory of its own; NULL if there is too little. */
static char *read_all(size_t *n)
{
    size_t size = 0, got = 1;
    char *all = NULL, *more;

    *n = 0;
    while (got > 0) {
        if (*n == size) {
            size = size * 2 + (1 << 16);
            more = realloc(all, size);
            if (more == NULL) {
                free(all);
                return NULL;
            }
            all = more;
        }
        got = fread(all + *n, 1, size - *n, stdin);
        *n += got;
    }
    return all;
}

int main(int argc, char *argv[])
{
    size_t n, from = 0;
    char *all = read_all(&n);

    if (all == NULL) {
        perror("readable");
        return 1;
    }
    for (size_t i = 0; argc > 1 && i < n; i++) {
        size_t len = path_at(all + i, n - i, argv + 1);

        if (len == 0)
            continue;
        text_print(stdout, all + from, i - from);
        fputs("...", stdout);
        from = i + len;
        i = from - 1;
    }
    text_print(stdout, all + from, n - from);
    free(all);
    return 0;
}
