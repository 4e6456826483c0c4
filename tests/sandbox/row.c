/* row: takes in a row that a student wrote: sentences, one a line. They are
 * data: nothing in them is ever text of a shell's.
 *
 *     row SENTENCES         the sentences that there are, to be read
 *     row SENTENCES FILE    those in FILE, a line each: its number, its kind,
 *                           and its words, with tabs between
 *
 * SENTENCES is tests/verdict/sentences.tsv. Each line of FILE must be one of
 * these sentences, from its first word to its last; what stands behind a # is a
 * comment. A word is one without blanks, or stands in 'single' or "double"
 * quotes. In both, bytes may be written as \n \r \t \0 \\ \xff, and nothing
 * else is special. In what comes out a byte that is not ASCII is written so,
 * too. Exit status 0; 1 if the row is wrong, and stderr says where; 2 if
 * something is wrong here. */
#define _XOPEN_SOURCE 700
#include "text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MOST_BYTES = 1 << 16, /* of a row, comments and all */
    MOST_LINE = 200,      /* bytes of a line */
    MOST_SENTENCES = 100,
    MOST_SAID = 1 << 20, /* bytes in all, where a text is said N times */
    MOST_TOLD = 5,       /* mistakes */
    MOST_WORDS = 16,
    MOST_FORMS = 200
};

struct words {
    int n, quoted; /* quoted: some word stood in quotes */
    char word[MOST_WORDS][4 * MOST_LINE + 1];
};

/* A line of the table, cut up. */
struct form {
    char *said; /* the sentence as it is written there */
    char *kind, *needs, *what;
    struct words words;
};

static struct form forms[MOST_FORMS];
static int nforms, mistakes;

static void die(const char *what)
{
    fprintf(stderr, "row: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* --- the table --- */

/* Cuts text off at the next byte of that kind; what comes behind it, or "". */
static char *cut_off(char *text, int at)
{
    char *end = strchr(text, at);

    if (end == NULL)
        return text + strlen(text);
    *end = '\0';
    return end + 1;
}

static void split(struct words *w, char *text)
{
    while (*text != '\0' && w->n < MOST_WORDS) {
        char *rest = cut_off(text, ' ');

        snprintf(w->word[w->n++], sizeof w->word[0], "%s", text);
        text = rest;
    }
}

static void read_forms(const char *path)
{
    FILE *f = fopen(path, "r");
    char *line = NULL, *said;
    size_t size = 0;

    if (f == NULL)
        die(path);
    while (nforms < MOST_FORMS && getline(&line, &size, f) > 0) {
        struct form *form = &forms[nforms];

        if (line[0] == '#')
            continue;
        cut_off(line, '\n');
        said = strdup(line);
        if (said == NULL)
            die(path);
        form->said = said;
        form->kind = cut_off(said, '\t');
        form->needs = cut_off(form->kind, '\t');
        form->what = cut_off(form->needs, '\t');
        cut_off(line, '\t');
        split(&form->words, line);
        nforms++;
    }
    free(line);
    fclose(f);
}

static int is_kind(const struct form *form, const char *kind)
{
    return strstr(form->kind, kind) != NULL;
}

/* A word of a form, as a reader is shown it: N, and not N:200. */
static const char *shown(const char *word)
{
    return word[0] == 'N' && strchr(word, ':') != NULL ? "N" : word;
}

static int show_form(FILE *to, const struct form *form)
{
    int width = 0;

    for (int i = 0; i < form->words.n; i++)
        width +=
            fprintf(to, "%s%s", i > 0 ? " " : "", shown(form->words.word[i]));
    return width;
}

/* How large a number may be, in a form that has one. */
static void show_bounds(FILE *to, const struct form *form)
{
    for (int i = 0; i < form->words.n; i++)
        if (shown(form->words.word[i]) != form->words.word[i])
            fprintf(to, "  (N up to %s)", strchr(form->words.word[i], ':') + 1);
}

static void show_kind(const char *kind, const char *heading)
{
    enum { COLUMN = 34 };
    int width;

    printf("\n%s\n", heading);
    for (int i = 0; i < nforms; i++) {
        if (strncmp(forms[i].kind, kind, strlen(kind)) != 0)
            continue;
        printf("    ");
        width = COLUMN - show_form(stdout, &forms[i]);
        if (forms[i].what[0] != '\0')
            printf("%*s  %s", width > 0 ? width : 0, "", forms[i].what);
        show_bounds(stdout, &forms[i]);
        printf("\n");
    }
}

static void show_all(void)
{
    printf("A row is sentences, one a line; a # begins a comment. WHO is "
           "alice, bob, carol\nor dave. A TEXT of several words stands in "
           "quotes: alice says 'hi bob'.\nBytes are written as \\n \\r \\t \\0 "
           "\\\\ \\xff.\n");
    show_kind("first", "Before the start, if you want it:");
    show_kind("starts", "The start, once:");
    show_kind("does", "What somebody does:");
    show_kind("asks", "What must come of it; a row needs one of these:");
}

/* --- mistakes --- */

/* Begins to tell of one, with the line that it is in. */
static void wrong(int number, const char *line, size_t n, const char *why)
{
    if (++mistakes > MOST_TOLD)
        return;
    fprintf(stderr, "line %d: %s\n", number, why);
    if (n == 0)
        return;
    fprintf(stderr, "    ");
    text_print(stderr, line, n > MOST_LINE ? MOST_LINE : n);
    fprintf(stderr, "%s\n", n > MOST_LINE ? "..." : "");
}

static void advise(const char *what)
{
    if (mistakes <= MOST_TOLD)
        fprintf(stderr, "%s\n", what);
}

/* --- words --- */

/* Takes an escape, as it is; how long it is, 0 if it is none. */
static size_t escape_at(const char *p, size_t n)
{
    static const char hex[] = "0123456789abcdefABCDEF";

    if (n >= 2 && p[1] != '\0' && strchr("nrt0\\", p[1]) != NULL)
        return 2;
    return n >= 4 && p[1] == 'x' && p[2] != '\0' && p[3] != '\0'
                   && strchr(hex, p[2]) != NULL && strchr(hex, p[3]) != NULL
               ? 4
               : 0;
}

/* Adds what stands at p to a word; how long it was, 0 if it is no escape. */
static size_t take_byte(char *word, const char *p, size_t n)
{
    size_t len = strlen(word), taken = *p == '\\' ? escape_at(p, n) : 1;

    if ((unsigned char)*p >= 0x80)
        snprintf(word + len, 5, "\\x%02x", (unsigned char)*p);
    else
        snprintf(word + len, taken + 1, "%.*s", (int)taken, p);
    return taken;
}

/* Takes the word at p; how long it is, with its quotes; 0, and why in *why. */
static size_t take_word(struct words *w, const char *p, size_t n,
                        const char **why)
{
    char quote = *p == '\'' || *p == '"' ? *p : '\0', *word = w->word[w->n];
    size_t i = quote ? 1 : 0, taken;

    word[0] = '\0';
    while (i < n && (quote ? p[i] != quote : p[i] != ' ' && p[i] != '\t')) {
        *why = "a quote stands inside a word: put the whole word in quotes";
        if (!quote && (p[i] == '\'' || p[i] == '"'))
            return 0;
        *why = "a \\ is written \\\\, and bytes as \\n \\r \\t \\0 \\xff";
        taken = take_byte(word, p + i, n - i);
        if (taken == 0)
            return 0;
        i += taken;
    }
    *why = "a quote is opened, and not closed";
    if (quote && i == n)
        return 0;
    i += quote ? 1 : 0;
    *why = "a blank must stand behind the closing quote";
    if (i < n && p[i] != ' ' && p[i] != '\t')
        return 0;
    w->quoted |= quote != '\0';
    w->n++;
    return i;
}

/* Cuts a line into words; 0, or -1 and why in *why. */
static int take_words(struct words *w, const char *p, size_t n,
                      const char **why)
{
    size_t i = 0, taken;

    w->n = w->quoted = 0;
    for (;;) {
        while (i < n && (p[i] == ' ' || p[i] == '\t'))
            i++;
        if (i == n || p[i] == '#')
            return 0;
        *why = "too many words: a text of several stands in quotes";
        if (w->n == MOST_WORDS)
            return -1;
        taken = take_word(w, p + i, n - i, why);
        if (taken == 0)
            return -1;
        i += taken;
    }
}

/* --- sentences --- */

static int is_number(const char *word)
{
    return word[0] != '\0' && strspn(word, "0123456789") == strlen(word)
           && strlen(word) < 10;
}

static int is_one_of_the_cast(const char *word)
{
    return strcmp(word, "alice") == 0 || strcmp(word, "bob") == 0
           || strcmp(word, "carol") == 0 || strcmp(word, "dave") == 0;
}

/* Does a word fit into a form? 2 if it does but for its size. */
static int fits(const char *word, const char *form)
{
    const char *most = strchr(form, ':');
    int least = strncmp(form, "N0:", 3) != 0;

    if (strcmp(form, "TEXT") == 0)
        return 1;
    if (strcmp(form, "WHO") == 0)
        return is_one_of_the_cast(word);
    if (form[0] != 'N' || most == NULL)
        return strcmp(word, form) == 0;
    if (!is_number(word))
        return 0;
    return atoi(word) >= least && atoi(word) <= atoi(most + 1) ? 1 : 2;
}

/* 1 if the words are a sentence of that form; 2 but for the size of a number.
 */
static int is_of_form(const struct words *w, const struct form *form)
{
    int best = w->n == form->words.n, one;

    for (int i = 0; best != 0 && i < w->n; i++) {
        one = fits(w->word[i], form->words.word[i]);
        best = one == 0 || one == 2 ? one : best;
    }
    return best;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* How far a word is from one of a form: 0 to 2. */
static int word_distance(const char *word, const char *form)
{
    if (fits(word, form))
        return 0;
    return word[0] == form[0] && word[0] != '\0' && word[1] == form[1] ? 1 : 2;
}

/* How many changes lead from the words to the form: Levenshtein's distance. */
static int distance(const struct words *w, const struct words *form)
{
    int row[MOST_WORDS + 1], corner, above;

    for (int j = 0; j <= form->n; j++)
        row[j] = 2 * j;
    for (int i = 0; i < w->n; i++) {
        corner = row[0];
        row[0] += 2;
        for (int j = 0; j < form->n; j++) {
            above = row[j + 1];
            row[j + 1] =
                least(least(above, row[j]) + 2,
                      corner + word_distance(w->word[i], form->word[j]));
            corner = above;
        }
    }
    return row[form->n];
}

static const struct form *nearest(const struct words *w)
{
    const struct form *best = &forms[0];

    for (int i = 1; i < nforms; i++)
        if (distance(w, &forms[i].words) < distance(w, &best->words))
            best = &forms[i];
    return best;
}

/* The form of the words; NULL, and told, if there is none. */
static const struct form *form_of(const struct words *w, int number,
                                  const char *line, size_t n)
{
    const struct form *near;
    int sized = 0;

    for (int i = 0; i < nforms; i++) {
        if (is_of_form(w, &forms[i]) == 1)
            return &forms[i];
        sized |= is_of_form(w, &forms[i]) == 2;
    }
    wrong(number, line, n,
          sized ? "a number is too small or too large" : "no such sentence");
    if (mistakes > MOST_TOLD)
        return NULL;
    near = nearest(w);
    if (distance(w, &near->words) > w->n) {
        advise("  make tryrow prints all the sentences.");
        return NULL;
    }
    fprintf(stderr, "  the nearest: ");
    show_form(stderr, near);
    if (sized)
        show_bounds(stderr, near);
    fprintf(stderr, "\n");
    if (!w->quoted && strstr(near->said, "TEXT") != NULL
        && w->n > near->words.n)
        advise("  A text of several words stands in quotes: 'hi bob'.");
    return NULL;
}

/* --- a row --- */

struct row {
    int sentences, asks;
    int started, running; /* has the server started, and not yet ended? */
    unsigned long said;
    int seen[MOST_FORMS]; /* which forms it has */
};

/* Has the row a sentence of that form already? */
static int has(const struct row *row, const char *said)
{
    for (int i = 0; i < nforms; i++)
        if (row->seen[i] && strcmp(forms[i].said, said) == 0)
            return 1;
    return 0;
}

/* Why the sentence may not stand there; NULL if it may. */
static const char *misplaced(struct row *row, const struct form *form)
{
    static char why[128];

    if (is_kind(form, "first"))
        return row->started ? "this must stand before the server's start"
                            : NULL;
    if (is_kind(form, "starts"))
        return row->running ? "the server has started, and not ended" : NULL;
    if (!row->started) {
        row->started = 1; /* which is told once */
        return "before this the server must start: the server starts";
    }
    if (form->needs[0] == '\0' || has(row, form->needs))
        return NULL;
    snprintf(why, sizeof why, "this needs \"%s\" before the start",
             form->needs);
    return why;
}

/* The bytes that a text and its number make; 0 if there are not both. */
static unsigned long bytes_said(const struct words *w, const struct form *form)
{
    unsigned long text = 0, times = 0;

    for (int i = 0; i < w->n; i++) {
        if (strcmp(form->words.word[i], "TEXT") == 0)
            text = strlen(w->word[i]);
        else if (shown(form->words.word[i]) != form->words.word[i])
            times = strtoul(w->word[i], NULL, 10);
    }
    return text * times;
}

static void print_sentence(int number, const struct words *w,
                           const struct form *form)
{
    printf("%d\t%s", number, form->kind);
    for (int i = 0; i < w->n; i++)
        printf("\t%s", w->word[i]);
    printf("\n");
}

/* Why a line is not even cut into words; NULL if it may be. */
static const char *unreadable(const char *line, size_t n)
{
    if (n > MOST_LINE)
        return "more than 200 bytes";
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)line[i] < 32 && line[i] != '\t') || line[i] == 127)
            return "a control byte: write it as \\0, \\n, or \\x1b";
    return NULL;
}

/* Why a sentence is too much, or in the wrong place; NULL if it is not. */
static const char *refused(struct row *row, const struct words *w,
                           const struct form *form)
{
    row->said += bytes_said(w, form);
    if (++row->sentences > MOST_SENTENCES)
        return "more than 100 sentences";
    if (row->said > MOST_SAID)
        return "a row may say 1 MiB in all";
    return misplaced(row, form);
}

/* One line of the row, without its end. */
static void take_line(struct row *row, int number, const char *line, size_t n)
{
    static struct words w;
    const struct form *form = NULL;
    const char *why = unreadable(line, n);

    if (why != NULL || take_words(&w, line, n, &why) < 0) {
        wrong(number, line, n, why);
        return;
    }
    if (w.n > 0)
        form = form_of(&w, number, line, n);
    if (form == NULL)
        return;
    why = refused(row, &w, form);
    if (why != NULL) {
        wrong(number, line, n, why);
        return;
    }
    row->seen[form - forms] = 1;
    row->started |= is_kind(form, "starts");
    row->running |= is_kind(form, "starts");
    row->running &= !is_kind(form, "ends");
    row->asks += is_kind(form, "asks");
    print_sentence(number, &w, form);
}

static void take_lines(const char *p, size_t n)
{
    static struct row row;
    size_t length;
    int number = 0;

    if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) { /* from Windows */
        p += 3;
        n -= 3;
    }
    for (const char *end = p + n; p < end; p += length + 1) {
        const char *newline = memchr(p, '\n', end - p);

        length = newline != NULL ? (size_t)(newline - p) : (size_t)(end - p);
        take_line(&row, ++number, p,
                  length > 0 && p[length - 1] == '\r' ? length - 1 : length);
    }
    if (mistakes > MOST_TOLD)
        fprintf(stderr, "and %d more\n", mistakes - MOST_TOLD);
    if (mistakes == 0 && row.asks == 0) {
        mistakes++;
        fprintf(stderr,
                "This row asks for nothing: it says what people do, and "
                "not what must come of it.\nAdd a sentence such as: bob "
                "hears hi from alice\n");
    }
}

/* Reads the row; how many bytes it has. */
static size_t read_row(const char *path, char *text, size_t most)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    size_t n = 0;
    ssize_t got;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        fprintf(stderr, "this is no file that can be read\n");
        exit(1);
    }
    while (n < most && (got = read(fd, text + n, most - n)) > 0)
        n += got;
    close(fd);
    return n;
}

int main(int argc, char *argv[])
{
    static char text[MOST_BYTES + 1];
    size_t n;

    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: row SENTENCES [FILE]\n");
        return 2;
    }
    read_forms(argv[1]);
    if (argc == 2) {
        show_all();
        return 0;
    }
    n = read_row(argv[2], text, sizeof text);
    if (n > MOST_BYTES) {
        fprintf(stderr, "this is larger than 64 KiB\n");
        return 1;
    }
    take_lines(text, n);
    return mistakes > 0;
}
