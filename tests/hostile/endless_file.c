/* endless_file: writes to a file, and never stops. */
#include "echo.h"
#include <fcntl.h>

int main(void)
{
    static char text[1 << 16];
    int fd;

    get_ready();
    fd = open("endless", O_WRONLY | O_CREAT, 0600);
    while (write(fd, text, sizeof text) > 0)
        ;
    return 1;
}
