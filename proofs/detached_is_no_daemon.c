/* detached_is_no_daemon: how main leaves decides, not pthread_detach(). */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_t main_thread;

/* Waits until main has ended; if there is a process then, says a word. */
static void *last_word(void *arg)
{
    pthread_join(main_thread, NULL);
    return write(STDOUT_FILENO, "!", 1) == 1 ? arg : NULL;
}

/* What a process of its own does: starts a thread, and main leaves. */
static void start_and_leave(const char *kind, const char *way)
{
    pthread_t thread;

    alarm(10); /* ends a hang */
    main_thread = pthread_self();
    pthread_create(&thread, NULL, last_word, NULL);
    if (strcmp(kind, "detached") == 0)
        pthread_detach(thread);
    if (strcmp(way, "pthread_exit()") == 0)
        pthread_exit(NULL);
    exit(0);
}

/* Returns whether the thread said its word before the process was over. */
static int speaks(char *self, char *kind, char *way)
{
    int words[2], n, status;
    char c;

    if (pipe(words) < 0)
        exit(77);
    if (fork() == 0) {
        dup2(words[1], STDOUT_FILENO);
        close(words[1]);
        execl(self, self, kind, way, (char *)NULL);
        _exit(77);
    }
    close(words[1]);
    n = read(words[0], &c, 1);
    close(words[0]);
    wait(&status);
    printf("main leaves by %s: the %s thread %s\n", way, kind,
           n == 1 ? "speaks" : "is cut off");
    fflush(stdout);
    if (status != 0)
        exit(1);
    return n == 1;
}

int main(int argc, char *argv[])
{
    if (argc == 3)
        start_and_leave(argv[1], argv[2]);
    return speaks(argv[0], "joinable", "pthread_exit()")
                   && speaks(argv[0], "detached", "pthread_exit()")
                   && !speaks(argv[0], "joinable", "exit()")
                   && !speaks(argv[0], "detached", "exit()")
               ? 0
               : 1;
}
