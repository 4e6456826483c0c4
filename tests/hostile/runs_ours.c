/* runs_ours: becomes our own server. */
#include "targets.h"
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    execl(PROGRAM, "server", "0", (char *)NULL);
    perror("no server to be had");
    return 1;
}
