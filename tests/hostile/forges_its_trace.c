/* Writes into the notes of its own calls: names of calls that are markup, noise
 * in place of notes, and one that says what is not so. To its people it sends
 * markup, and it leaves a process behind. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void forge(void)
{
    static const char names[] =
        "thread </title><script>alert(1)</script> accept recv lock send";
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long from = 0, to = 0;
    char line[512];

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "trace.calls") != NULL
            && sscanf(line, "%lx-%lx", &from, &to) == 2)
            break;
    if (maps != NULL)
        fclose(maps);
    if (to <= from)
        return;
    memcpy((char *)from + 256, names, sizeof names);
    for (unsigned long at = from + 4096 + 64 * 20; at < to; at++)
        *(char *)at = (char)rand();
    memset((char *)from + 8, 0x3f, 7); /* so many notes */
}

int main(void)
{
    static const char words[] = "</svg><script>alert(1)</script>\033[31m\n";
    struct sockaddr_in addr = {.sin_family = AF_INET};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0), client;
    char msg[100];

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(fd, (struct sockaddr *)&addr, sizeof addr);
    listen(fd, 10);
    getsockname(fd, (struct sockaddr *)&addr, &len);
    fprintf(stderr, "main listening on 127.0.0.1:%d\n", ntohs(addr.sin_port));
    for (int i = 0; i < 2; i++) {
        client = accept(fd, (struct sockaddr *)&addr, &len);
        fprintf(stderr, "<script> 127.0.0.1:%d joined\n", ntohs(addr.sin_port));
    }
    (void)recv(client, msg, sizeof msg, MSG_DONTWAIT);
    send(client, words, sizeof words - 1, 0);
    if (fork() == 0) {
        setsid();
        signal(SIGTERM, SIG_IGN);
        pause();
    }
    forge();
    abort();
}
