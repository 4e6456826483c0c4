/* intake: copies what a stranger has handed in, and nothing else.
 *
 *     intake FOLDER TO         its regular .c and .h files, under their own
 *                              names, into TO, which is made anew
 *     intake --file FILE TO    one regular file, to be executed
 *
 * A link is never followed, nothing is opened that could wait or tell (a
 * device, a FIFO, a socket), and no name is ever text of a shell's. The first
 * form prints a line for each thing that it left out: NAME<tab>REASON. Exit
 * status 0; 1 if there was nothing to copy; 2 if something went wrong. */
#define _XOPEN_SOURCE 700
#include "text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MOST_BYTES = 1 << 20, /* of one source; our longest is below 64 KiB */
    MOST_FILES = 100,
    MOST_LINES = 20, /* on what was left out */
    MOST_PROGRAM = 64 << 20
};

static void die(const char *what)
{
    fprintf(stderr, "intake: %s: %s\n", what, strerror(errno));
    exit(2);
}

static int others; /* left out, and not told of */

/* A name takes one line, whatever is in it. */
static void left_out(const char *name, const char *reason)
{
    static int lines;

    if (++lines > MOST_LINES) {
        others++;
        return;
    }
    for (; *name != '\0'; name += strcspn(name, "\n\t")) {
        for (; *name == '\n' || *name == '\t'; name++)
            printf("\\x%02x", *name);
        text_print(stdout, name, strcspn(name, "\n\t"));
    }
    printf("\t%s\n", reason);
}

/* Copies all that is in from, at most most bytes, to a new file in the folder
 * to; -1 if there is more. */
static int copy(int from, int to, const char *name, mode_t mode, off_t most)
{
    int fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    char buf[1 << 16];
    off_t size = 0;
    ssize_t n;

    if (fd < 0)
        die(name);
    while ((n = read(from, buf, sizeof buf)) > 0 && (size += n) <= most)
        if (write(fd, buf, n) != n)
            die(name);
    if (n < 0 || fchmod(fd, mode) < 0 || close(fd) < 0)
        die(name);
    return size > most ? -1 : 0;
}

/* Opens a regular file; -1, and why in *reason, if it is none. O_NONBLOCK: a
 * FIFO would keep us waiting. */
static int open_regular(int dir, const char *name, const char **reason)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;

    *reason = "a link, not a file";
    if (fd < 0 && errno == ELOOP)
        return -1;
    *reason = "not a regular file";
    if (fd < 0 && (errno == ENXIO || errno == EOPNOTSUPP))
        return -1; /* a FIFO or a socket without anybody at the other end */
    *reason = "it cannot be read";
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    *reason = "not a regular file";
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* c, h: to be taken; ?: of some language, but not taken; 0: nothing to us. */
static int kind_of(const char *name)
{
    static const char *const others[] = {
        ".C",   ".H",   ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".s", ".S",
        ".inc", ".inl", ".o",  ".a",   ".so",  ".mk", ".txt", NULL,
    };
    const char *dot = strrchr(name, '.');

    if (name[0] == '.' || dot == NULL)
        return 0;
    if (strcmp(dot, ".c") == 0 || strcmp(dot, ".h") == 0)
        return dot[1];
    for (int i = 0; others[i] != NULL; i++)
        if (strcmp(dot, others[i]) == 0)
            return '?';
    return 0;
}

/* One that a student made; a compiler on macOS makes some. */
static int is_folder(int dir, const char *name)
{
    const char *dot = strrchr(name, '.');
    struct stat st;

    return name[0] != '.' && (dot == NULL || strcmp(dot, ".dSYM") != 0)
           && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0
           && S_ISDIR(st.st_mode);
}

/* Takes one entry of the folder; how many programs' sources it was: 1 or 0. */
static int take(int from, int to, const char *name, int *files)
{
    int kind = kind_of(name), fd, whole;
    const char *reason;

    if (is_folder(from, name)) {
        left_out(name, "a folder: only what is right beside it is taken");
        return 0;
    }
    if (kind == '?')
        left_out(name, "not a .c or .h file");
    if (kind == '?' || kind == 0)
        return 0;
    if (*files == MOST_FILES) {
        left_out(name, "there are 100 others");
        return 0;
    }
    fd = open_regular(from, name, &reason);
    if (fd < 0) {
        left_out(name, reason);
        return 0;
    }
    whole = copy(fd, to, name, 0644, MOST_BYTES) == 0;
    close(fd);
    if (!whole) {
        unlinkat(to, name, 0);
        left_out(name, "larger than 1 MiB");
        return 0;
    }
    ++*files;
    return kind == 'c';
}

static void empty(int to)
{
    DIR *dir = fdopendir(dup(to));
    struct dirent *d;

    while (dir != NULL && (d = readdir(dir)) != NULL)
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0
            && unlinkat(to, d->d_name, 0) < 0)
            die(d->d_name);
    if (dir != NULL)
        closedir(dir);
}

static int open_folder(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

static int take_folder(const char *path, const char *to_path)
{
    int from = open_folder(path), to, files = 0, programs = 0;
    struct dirent *d;
    DIR *dir;

    if (from < 0 && (errno == ELOOP || errno == ENOTDIR)) {
        printf(".\tit is a link, or not a folder at all\n");
        return 1;
    }
    if (from < 0 && errno == ENOENT)
        return 1;
    if (from < 0)
        die(path);
    if (mkdir(to_path, 0755) < 0 && errno != EEXIST)
        die(to_path);
    to = open_folder(to_path);
    if (to < 0 || fchmod(to, 0755) < 0)
        die(to_path);
    empty(to);
    dir = fdopendir(dup(from));
    while (dir != NULL && (d = readdir(dir)) != NULL)
        programs += take(from, to, d->d_name, &files);
    if (dir != NULL)
        closedir(dir);
    if (others > 0)
        printf("%d more\tfor such reasons\n", others);
    return programs > 0 ? 0 : 1;
}

/* The folder that the file is in; a link to one is none. */
static int folder_of(char *path, const char **name)
{
    char *slash = strrchr(path, '/');

    *name = slash ? slash + 1 : path;
    if (slash == NULL)
        return AT_FDCWD;
    *slash = '\0';
    return open_folder(path);
}

/* Into a new file, which then takes the place of TO: a program that runs from
 * there goes on as it is. */
static int take_file(char *path, const char *to)
{
    const char *reason = "not in a folder", *name;
    char fresh[4096];
    int dir = folder_of(path, &name);
    int fd = dir == -1 ? -1 : open_regular(dir, name, &reason);

    if (fd < 0) {
        printf("%s\n", reason);
        return 1;
    }
    snprintf(fresh, sizeof fresh, "%s.new", to);
    unlink(fresh);
    if (copy(fd, AT_FDCWD, fresh, 0755, MOST_PROGRAM) < 0) {
        unlink(fresh);
        printf("larger than 64 MiB\n");
        return 1;
    }
    if (rename(fresh, to) < 0)
        die(to);
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc == 3)
        return take_folder(argv[1], argv[2]);
    if (argc == 4 && strcmp(argv[1], "--file") == 0)
        return take_file(argv[2], argv[3]);
    fprintf(stderr, "usage: intake FOLDER TO | intake --file FILE TO\n");
    return 2;
}
