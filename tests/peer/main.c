/* main: sets the stage, has the orders obeyed, and clears the stage. */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 16384 }; /* our descriptors, where the machine allows them */

/* Without a word, as in a demo, root at least is not what it runs as. */
static int default_layers(void)
{
#ifdef __linux__
    return geteuid() == 0 ? SANDBOX_USER : 0;
#else
    return 0;
#endif
}

/* The folder for the programs; 0, or -1 with errno set. */
static int make_home(const char *folder)
{
    snprintf(stage.home, sizeof stage.home, "%s/home", folder);
    return mkdir(stage.home, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

static void set_descriptors(void)
{
    struct rlimit files;

    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max > MAX_FILES ? MAX_FILES : files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
}

static void set_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* the end of the orders is what ends us */
    signal(SIGTERM, SIG_IGN);
}

int main(int argc, char *argv[])
{
    struct sandbox box = {.hidden = getenv("PEER_HIDDEN")};

    if (argc != 2) {
        fprintf(stderr, "usage: peer FOLDER < orders\n");
        return 2;
    }
    box.layers = getenv("PEER_LAYERS") ? sandbox_named(getenv("PEER_LAYERS"))
                                       : default_layers();
    if (getenv("PEER_DEADLINE"))
        stage.deadline_ms = atoi(getenv("PEER_DEADLINE"));
    if (getenv("PEER_IDLE"))
        stage.idle_ms = atoi(getenv("PEER_IDLE"));
    answer_in(argv[1]);
    if (make_home(argv[1]) < 0) {
        perror(stage.home);
        return 1;
    }
    remember_before();
    set_descriptors();
    set_signals();
    if (watch_children() < 0) {
        perror("peer");
        return 1;
    }
    guard_init(&box);
    obey_all();
    history("stage", "over");
    for (int i = 0; program(i) != NULL; i++)
        guard_end(&program(i)->child);
    guard_clean();
    return 0;
}
