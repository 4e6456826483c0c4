"""safe: text that is safe anywhere: in XML, in JSON, on a terminal."""

import json
import re

# Characters of one report in result.json, whose readers take 10 MiB at most.
EXCERPT_MOST = 2000


def visible(data):
    """Decodes bytes as UTF-8, and shows what no file of ours may hold.

    Bytes that are not UTF-8 become \\xHH, and so do the control characters
    but newline and tab, and the two others that XML 1.0 forbids
    (https://www.w3.org/TR/xml/#charsets). NUL becomes \\0, and CR \\r.
    """
    text = data.decode('utf-8', 'backslashreplace')
    return re.sub('[\0-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]', escaped, text)


def escaped(match):
    """Returns the escape for one character that visible() found."""
    character = match.group()
    if character in '\0\r':
        return '\\0' if character == '\0' else '\\r'
    return ''.join('\\x%02x' % byte for byte in character.encode('utf-8'))


def excerpt(text):
    """Returns the text, or its two ends if it is long."""
    left_out = len(text) - EXCERPT_MOST
    if left_out <= 0:
        return text
    half = EXCERPT_MOST // 2
    return '%s\n[... %d characters left out ...]\n%s' % (
        text[:half], left_out, text[-half:])


def to_json(value):
    """Returns the value as JSON (RFC 8259), in ASCII."""
    text = json.dumps(value, indent=1, allow_nan=False)
    return (text + '\n').encode('ascii')
