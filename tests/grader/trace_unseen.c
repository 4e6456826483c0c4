/* trace_unseen: prints what a program could see of a library that is loaded
 * before it; with and without tools/tracing/trace.c that must be the same. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static int turns;

static void *take_turns(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&lock);
        while (turns % 2 != (arg != NULL))
            pthread_cond_wait(&turn, &lock);
        turns++;
        pthread_cond_signal(&turn);
        pthread_mutex_unlock(&lock);
    }
    return arg;
}

static void tell(const char *what, long result)
{
    printf("%s: %ld, %s\n", what, result, errno ? strerror(errno) : "no error");
    errno = 0;
}

static void descriptors(void)
{
    int n = 0;

    for (int fd = 3; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    printf("descriptors: %d\n", n);
    errno = 0;
}

static void calls_that_fail(void)
{
    char c;

    tell("recv", recv(999, &c, 1, 0));
    tell("send", send(0, "", 1, 0));
    tell("read", read(-1, &c, 1));
    tell("accept", accept(999, NULL, NULL));
    tell("close", close(999));
    tell("shutdown", shutdown(999, SHUT_RDWR));
    tell("poll", poll(NULL, 0, 1));
    tell("trylock", pthread_mutex_trylock(&lock));
    tell("trylock again", pthread_mutex_trylock(&lock));
    tell("unlock", pthread_mutex_unlock(&lock));
}

static void streams(void)
{
    int two[2];
    char line[20], *rest = NULL;
    size_t size = 0;
    FILE *f;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, two) < 0)
        return;
    tell("write", write(two[1], "one\ntwo\nthree", 13));
    f = fdopen(two[0], "r");
    tell("fgets", fgets(line, sizeof line, f) != NULL);
    tell("getline", getline(&rest, &size, f));
    printf("%s%s", line, rest);
    close(two[1]);
    tell("getline", getline(&rest, &size, f));
    tell("getline", getline(&rest, &size, f));
    free(rest);
    fclose(f);
}

static void sigpipe(void)
{
    int two[2], status = 0;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, two) < 0)
        return;
    close(two[0]);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        send(two[1], "x", 1, 0);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    printf("SIGPIPE: %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

int main(void)
{
    pthread_t one, two;
    void *result;

    printf("LD_PRELOAD is %s\n", getenv("TRACE_FD") ? "told" : "not told");
    descriptors();
    calls_that_fail();
    streams();
    pthread_create(&one, NULL, take_turns, NULL);
    pthread_create(&two, NULL, take_turns, &turns);
    pthread_join(one, &result);
    printf("turns: result %s\n", result ? "some" : "none");
    pthread_join(two, &result);
    printf("turns: %d, result %s\n", turns, result ? "some" : "none");
    sigpipe();
    descriptors();
    return 0;
}
