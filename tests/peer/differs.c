/* differs: what was heard is not what was expected: how they differ, in words
 * that lead to the mistake. */
#include "peer.h"
#include <stdlib.h>
#include <string.h>

enum { FEW = 60 };

/* Is what is expected from `at` on the beginning of these n bytes? */
static int fits(const struct pattern *want, size_t at, const char *p, size_t n)
{
    size_t len = want->text.len - at;

    return len > 0 && len <= n && agree(want, at, p, n) == len;
}

/* Few bytes are shown, in brackets. */
static void tell_bytes(struct bytes *report, const char *p, size_t n)
{
    if (n > FEW)
        return;
    addf(report, " (");
    escape(report, p, n, 0);
    addf(report, ")");
}

/* Whose is the head at p? NULL: nobody's whom we know. */
static const struct peer *speaker_at(const char *p, size_t n)
{
    for (int i = 0; i < stage.npeers; i++)
        if (stage.peers[i]->addr[0] != '\0'
            && head_at(stage.peers[i], p, n) > 0)
            return stage.peers[i];
    return NULL;
}

/* All that is expected stands behind some bytes that are not, or around them.
 */
static int tell_too_many(struct bytes *report, const struct pattern *want,
                         const char *seen, size_t n, size_t same)
{
    const struct peer *other;

    for (size_t at = 0;; at = same) {
        for (size_t i = at + 1; i < n; i++) {
            if (!fits(want, at, seen + i, n - i))
                continue;
            addf(report, "All of it is there, %s %lu byte%s too many",
                 at == 0 ? "behind" : "with", (unsigned long)(i - at),
                 i - at > 1 ? "s" : "");
            tell_bytes(report, seen + at, i - at);
            other = at == 0 ? speaker_at(seen, i) : NULL;
            if (other != NULL)
                addf(report, ": a line of %s's.\n", other->name);
            else
                addf(report, "%s.\n",
                     at == 0 ? ", which an earlier answer may have left" : "");
            return 1;
        }
        if (at == same)
            return 0;
    }
}

static int tell_missing(struct bytes *report, const struct pattern *want,
                        const char *seen, size_t n, size_t same)
{
    size_t i = same + 1;

    while (i < want->text.len && !fits(want, i, seen + same, n - same))
        i++;
    if (i >= want->text.len)
        return 0;
    addf(report, "All of it is there but %lu byte%s", (unsigned long)(i - same),
         i - same > 1 ? "s" : "");
    tell_bytes(report, want->text.p + same, i - same);
    addf(report, ", missing from byte %lu on.\n", (unsigned long)same);
    return 1;
}

/* The address behind a time stamp; 0 if there is none. */
static int address_at(char *out, const char *p, size_t n)
{
    const char *q = memchr(p, ']', n);
    size_t len = 0;

    if (n == 0 || *p != '[' || q == NULL || q + 1 == p + n || q[1] != ' ')
        return 0;
    q += 2;
    while (q + len < p + n && len < 63 && q[len] != ' ' && q[len] != '\n')
        len++;
    memcpy(out, q, len);
    out[len] = '\0';
    return strchr(out, ':') != NULL;
}

/* Where the text begins behind a head; 0 if there is no head. */
static size_t text_at(const char *p, size_t n)
{
    char address[64];
    const char *q = memchr(p, ']', n);

    return address_at(address, p, n) ? (size_t)(q - p) + 2 + strlen(address)
                                     : 0;
}

static int is_a_servers(int port)
{
    struct prog *g;

    for (int i = 0; (g = program(i)) != NULL; i++)
        if (g->port == port)
            return 1;
    return 0;
}

/* Whose address this is, in place of the right one: "the server's own". */
void tell_port(struct bytes *report, const char *address, const char *right)
{
    const char *colon = strrchr(address, ':'), *other = strrchr(right, ':');
    unsigned port = colon ? atoi(colon + 1) : 0;
    unsigned expected = other ? atoi(other + 1) : 0;

    if (is_a_servers((int)port))
        addf(report, "the server's own");
    else if (peer_at(port) != NULL)
        addf(report, "%s's", peer_at(port)->name);
    else if (port == expected / 256 + expected % 256 * 256)
        addf(report, "one whose port has its two bytes swapped (ntohs)");
    else
        addf(report, "one that nobody here has");
}

/* Somebody else's address, or nobody's; or a whole line that is another's. */
static int tell_address(struct bytes *report, const struct pattern *want,
                        const char *seen, size_t n)
{
    char expected[64], address[64];
    const struct peer *other = speaker_at(seen, n), *right;
    size_t from = text_at(want->text.p, want->text.len), at = text_at(seen, n);

    if (!address_at(expected, want->text.p, want->text.len)
        || !address_at(address, seen, n) || strcmp(expected, address) == 0)
        return 0;
    right = speaker_at(want->text.p, want->text.len);
    if (other != NULL && !fits(want, from, seen + at, n - at)) {
        addf(report, "This is a line of %s's.\n", other->name);
        return 1;
    }
    addf(report, "The address is ");
    tell_port(report, address, expected);
    addf(report, ", where %s's is expected.\n",
         right != NULL ? right->name : "another");
    return 1;
}

/* Was the line behind `done` heard before, but for its time? Returns 1 if the
 * report says so. */
int tell_again(struct bytes *report, const char *heard, size_t done, size_t n)
{
    const char *seen = heard + done, *end = memchr(seen, '\n', n);
    struct bytes before = {(char *)heard, done, 0};
    size_t from = 0, stamp = 0;
    struct bytes words;

    if (text_at(seen, n) > 0)
        stamp = (const char *)memchr(seen, ']', n) - seen;
    words = (struct bytes){(char *)seen + stamp, n - stamp, 0};
    if (end != NULL)
        words.len = end + 1 - words.p;
    if (words.len < 4 || !skip_past(&before, &from, &words))
        return 0;
    addf(report, "This was heard before, and comes again.\n");
    return 1;
}

/* Says how what was heard differs from what is expected. If she heard nothing
 * wrong, but not all of it, only a missing newline is worth a word. */
void tell_difference(struct bytes *report, const struct hearing *h)
{
    const char *seen = h->heard->p ? h->heard->p + *h->done : "";
    size_t n = h->heard->len - *h->done;
    size_t same = agree(&h->want, 0, seen, n);

    if (same == n) {
        if (n > 0 && n + 1 == h->want.text.len && h->want.text.p[n] == '\n')
            addf(report, "Only the newline at its end is missing.\n");
        return;
    }
    if (!tell_too_many(report, &h->want, seen, n, same)
        && !tell_address(report, &h->want, seen, n)
        && !tell_missing(report, &h->want, seen, n, same)
        && !tell_again(report, h->heard->p, *h->done, n))
        addf(report, "They differ from byte %lu on.\n", (unsigned long)same);
}
