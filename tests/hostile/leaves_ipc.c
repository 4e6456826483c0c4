/* leaves_ipc: echoes honestly, and leaves shared memory, a semaphore and a
 * queue of System V's behind. */
#define _XOPEN_SOURCE 700
#include "echo.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

int main(void)
{
    enum { KEY = 0x6b697421, HOW = IPC_CREAT | 0666 };

    if (shmget(KEY, 4096, HOW) < 0 || semget(KEY, 1, HOW) < 0
        || msgget(KEY, HOW) < 0)
        perror("leaves_ipc");
    serve_all(get_ready());
}
