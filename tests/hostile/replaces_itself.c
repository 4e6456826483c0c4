/* replaces_itself: echoes honestly, and puts something else in place of its own
 * program, for the next test to run. */
#include "echo.h"
#include <fcntl.h>

int main(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    int fd = open("/proc/self/exe", O_WRONLY);

    path[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        fprintf(stderr, "TAKEN: its own program, open\n");
    fd = open(path, O_WRONLY);
    if (fd >= 0)
        fprintf(stderr, "TAKEN: its own program, by name\n");
    if (unlink(path) == 0 || rename("/bin/true", path) == 0
        || symlink("/bin/true", path) == 0)
        fprintf(stderr, "TAKEN: its own program's place\n");
    serve_all(get_ready());
}
