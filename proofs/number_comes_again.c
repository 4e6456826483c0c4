/* number_comes_again: a closed descriptor's number goes to the next who comes.
 */
#define _POSIX_C_SOURCE 200809L
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in addr = {.sin_family = AF_INET};
static socklen_t len = sizeof addr;

/* Returns the client's end of a connection that waits to be accepted. */
static int knock(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    connect(fd, (struct sockaddr *)&addr, len);
    return fd;
}

int main(void)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int room[2], carol, got;
    char heard[64];

    alarm(10); /* ends a hang */
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener, (struct sockaddr *)&addr, len);
    listen(listener, 2);
    getsockname(listener, (struct sockaddr *)&addr, &len);

    knock();
    room[0] = accept(listener, NULL, NULL);
    printf("bob joins: his descriptor is %d\n", room[0]);
    carol = knock();
    printf("bob leaves: close(%d), but he stays on the list\n", room[0]);
    close(room[0]);
    room[1] = accept(listener, NULL, NULL);
    printf("carol joins: her descriptor is %d\n", room[1]);

    for (int i = 0; i < 2; i++)
        send(room[i], "hi ", 3, 0);
    got = recv(carol, heard, 6, MSG_WAITALL);
    printf("to each on the list one \"hi \"; carol hears \"%.*s\"\n", got,
           heard);
    close(room[0]);
    got = recv(carol, heard, sizeof heard, 0);
    printf("bob is closed a second time; carol's recv() returns %d\n", got);
    return room[0] == room[1] && got == 0 ? 0 : 1;
}
