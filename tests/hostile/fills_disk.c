/* fills_disk: writes files, each within the limit, until there are 1200 MB. */
#include "echo.h"
#include <fcntl.h>

int main(void)
{
    static char text[1 << 20];
    char name[32];

    get_ready();
    for (int i = 0; i < 20; i++) {
        int fd;

        snprintf(name, sizeof name, "%d", i);
        fd = open(name, O_WRONLY | O_CREAT, 0600);
        for (int n = 0; n < 60 && write(fd, text, sizeof text) > 0; n++)
            ;
        close(fd);
    }
    for (;;)
        pause();
}
