/* prints_loot: reads what others have written, tells it in its log, and fails,
 * so that the report shows it. */
#include "targets.h"
#include <stdio.h>

int main(void)
{
    static const char *const files[] = {FILES, NULL};
    char text[2000];

    for (int i = 0; files[i] != NULL; i++) {
        FILE *f = fopen(files[i], "r");
        size_t n = f != NULL ? fread(text, 1, sizeof text, f) : 0;

        fwrite(text, 1, n, stderr);
        if (f != NULL)
            fclose(f);
    }
    return 1;
}
