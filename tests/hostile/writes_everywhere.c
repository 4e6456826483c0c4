/* writes_everywhere: leaves a file in each folder that it may write to, of all
 * that it can find; then it echoes. Looks into 20000 folders at most. */
#define _XOPEN_SOURCE 700
#include "echo.h"
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

static int looked_into;

static void leave_a_file(const char *folder)
{
    char path[4096];
    int fd;

    snprintf(path, sizeof path, "%s/PWNED-by-a-test", folder);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    if (fd >= 0)
        close(fd);
}

static int visit(const char *path, const struct stat *st, int type,
                 struct FTW *at)
{
    (void)st, (void)at;
    if (type == FTW_D || type == FTW_DNR)
        leave_a_file(path);
    return ++looked_into > 20000;
}

int main(void)
{
    static const char *const likely[] = {
        "/tmp",        "/var/tmp",       "/dev/shm", "/run/lock",
        "/run",        "/etc",           "/root",    "/var/spool/cron/crontabs",
        "/dev/mqueue", "/sys/fs/cgroup", NULL,
    };

    for (int i = 0; likely[i] != NULL; i++)
        leave_a_file(likely[i]);
    nftw("/home", visit, 16, FTW_PHYS);
    nftw("/dev", visit, 16, FTW_PHYS);
    nftw("/", visit, 16, FTW_PHYS | FTW_MOUNT);
    serve_all(get_ready());
}
