/* bytes_are_not_characters: one recv() may end in the middle of one. */
#define _POSIX_C_SOURCE 200809L
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wchar.h>

enum { MSG_SIZE = 1024 };

/* Says what a decoder makes of n bytes, at most 3; returns what mbrlen() did:
 * -1, these begin no character; -2, they begin one that is not yet whole. */
static int decode(const char *what, const char *s, int n, mbstate_t *decoder)
{
    int length = (int)mbrlen(s, n, decoder);

    printf("%s", what);
    for (int i = 0; i < n; i++)
        printf(" %02X", (unsigned char)s[i]);
    printf(": %s\n", length == -1   ? "not a character"
                     : length == -2 ? "not yet a character"
                                    : "a character");
    return length;
}

int main(void)
{
    static const char utf8[] = "\xE4\xB8\xAD", gbk[] = "\xD6\xD0"; /* zhong */
    char line[MSG_SIZE + 2], one[MSG_SIZE], two[MSG_SIZE];
    mbstate_t fresh[4] = {0}, kept = {0};
    int fd[2], n, m, ok;

    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL
        && setlocale(LC_CTYPE, "en_US.UTF-8") == NULL) {
        printf("cannot be shown here: no locale C.UTF-8 or en_US.UTF-8\n");
        return 77;
    }
    alarm(10); /* ends a hang */
    ok = decode("in UTF-8:", utf8, 3, &fresh[0]) == 3;
    ok = decode("in GBK, but taken for UTF-8:", gbk, 2, &fresh[1]) == -1 && ok;

    memset(line, 'a', MSG_SIZE - 1);
    memcpy(line + MSG_SIZE - 1, utf8, 3);
    socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
    send(fd[0], line, sizeof line, 0);
    n = recv(fd[1], one, sizeof one, 0);
    m = recv(fd[1], two, sizeof two, 0);
    printf("behind 1023 letters: recv() returns %d, then %d\n", n, m);
    if (n != MSG_SIZE || m != 2)
        return 1;
    ok = decode("the first ends with", one + n - 1, 1, &fresh[2]) == -2 && ok;
    ok = decode("the second, alone:", two, m, &fresh[3]) == -1 && ok;
    ok = decode("remembering, first", one + n - 1, 1, &kept) == -2 && ok;
    ok = decode("remembering, then", two, m, &kept) == 2 && ok;
    return ok ? 0 : 1;
}
