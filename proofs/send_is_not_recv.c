/* send_is_not_recv: TCP keeps the bytes and their order, not your calls. */
#define _POSIX_C_SOURCE 200809L
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Makes a TCP connection; what one end sends, the other receives. */
static void tcp_pair(int *a, int *b)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    socklen_t len = sizeof addr;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener, (struct sockaddr *)&addr, len);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&addr, &len);
    *a = socket(AF_INET, SOCK_STREAM, 0);
    connect(*a, (struct sockaddr *)&addr, len);
    *b = accept(listener, NULL, NULL);
    close(listener);
}

/* Waits until n bytes have arrived; they stay where they are. */
static void await(int fd, ssize_t n)
{
    char buf[4096];
    ssize_t seen;

    do
        seen = recv(fd, buf, sizeof buf, MSG_PEEK);
    while (seen > 0 && seen < n);
}

int main(void)
{
    char buf[1024], line[3000];
    ssize_t got[4];
    int a, b, ok;

    alarm(10); /* ends a hang */
    tcp_pair(&a, &b);
    memset(line, 'x', sizeof line);

    printf("send() takes %zd bytes\n", send(a, "one\n", 4, 0));
    printf("send() takes %zd bytes\n", send(a, "two\n", 4, 0));
    await(b, 8);
    got[0] = recv(b, buf, sizeof buf, 0);
    printf("recv() returns %zd: two sends, one recv\n", got[0]);
    ok = got[0] == 8 && memcmp(buf, "one\ntwo\n", 8) == 0;

    printf("send() takes %zd bytes\n", send(a, line, sizeof line, 0));
    await(b, sizeof line);
    for (int i = 1; i < 4; i++)
        got[i] = recv(b, buf, sizeof buf, 0);
    printf("recv() returns %zd, %zd and %zd: one send, three recvs\n", got[1],
           got[2], got[3]);
    ok = ok && got[1] == 1024 && got[2] == 1024 && got[3] == 952;
    return ok ? 0 : 1;
}
