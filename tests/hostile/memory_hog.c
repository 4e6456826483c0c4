/* memory_hog: takes memory, and never gives any back. */
#include "echo.h"
#include <stdlib.h>

int main(void)
{
    get_ready();
    for (;;) {
        char *p = malloc(1 << 20);

        if (p != NULL)
            memset(p, 'x', 1 << 20);
    }
}
