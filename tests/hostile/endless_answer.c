/* endless_answer: answers one word with words without end. */
#include "echo.h"

int main(void)
{
    static char text[1 << 16];
    int listener = get_ready(), fd = accept(listener, NULL, NULL);

    memset(text, 'x', sizeof text);
    while (send(fd, text, sizeof text, 0) > 0)
        ;
    return 1;
}
