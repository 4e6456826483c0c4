/* speaks_in_escapes: what it says would steer a terminal, break a line, or be
 * no text at all: in its log, on its stdout, and in its answers. */
#include "echo.h"

static const char noise[] =
    "\x1b]0;owned\a\x1b[2J\x1b[31m red \x9b"
    "31m \r over \b\b\b "
    "\xe2\x80\xae"
    "desrever\xe2\x80\xac \xe2\x81\xa6 \xe2\x80\xa8 new line "
    "\xf3\xa0\x81\x81 tag \xff\xfe\xc0\xaf\xed\xa0\x80 \xc2\x85 \x7f\n"
    "ok 1 every message is answered, one after another\n"
    "1 passed, 0 failed\n";

int main(void)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    int fd;

    fwrite(noise, 1, sizeof noise - 1, stderr);
    fwrite(noise, 1, sizeof noise - 1, stdout);
    fflush(stdout);
    fd = accept(get_ready(), (struct sockaddr *)&peer, &len);
    fprintf(stderr, "127.0.0.1:%d joined\n", ntohs(peer.sin_port));
    fwrite(noise, 1, sizeof noise - 1, stderr);
    send(fd, noise, sizeof noise, 0);
    sleep(60);
    return 1;
}
