/* endless_log: writes to stdout and stderr, and never stops. */
#include "echo.h"

int main(void)
{
    static char text[1 << 16];

    get_ready();
    memset(text, 'x', sizeof text);
    for (;;)
        if (write(1, text, sizeof text) < 0 || write(2, text, sizeof text) < 0)
            return 1;
}
