/* fills_scratch: echoes honestly, once it has written 200 MB to its folder, in
 * files that are each within the limit, and in folders that cannot be read. */
#include "echo.h"
#include <fcntl.h>
#include <sys/stat.h>

int main(void)
{
    static char text[1 << 20];
    char name[32];

    mkdir("closed", 0300);
    for (int i = 0; i < 5; i++) {
        int fd;

        snprintf(name, sizeof name, "closed/%d", i);
        fd = open(name, O_WRONLY | O_CREAT, 0600);
        for (int n = 0; n < 40 && write(fd, text, sizeof text) > 0; n++)
            ;
        close(fd);
    }
    serve_all(get_ready());
}
