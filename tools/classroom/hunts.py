"""hunts: a program with one planted mistake for each student (make bughunt,
make rowhunt)."""

import glob
import hashlib
import os
import re
import shutil
import subprocess
import tarfile

import scores

PLAIN = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,63}')

# Other names for what is in the rungs. None of them is used there, or by C.
OTHERS = {
    'client': ('guest', 'member', 'caller', 'visitor'),
    'room': ('hall', 'people', 'guests', 'everyone'),
    'join': ('add_one', 'enter', 'take_in'),
    'leave': ('drop_one', 'part', 'take_out'),
    'broadcast': ('tell_all', 'say_to_all', 'spread'),
    'serve': ('talk_with', 'attend', 'look_after'),
    'accept_loop': ('wait_for_more', 'doorman', 'take_callers'),
    'listen_on': ('open_door', 'make_listener'),
    'stop': ('end_it', 'shut_all', 'close_down'),
    'stopping': ('ending', 'is_over', 'closing_down'),
    'spawn': ('begin_thread', 'run_apart'),
    'log_event': ('note', 'report_line', 'tell_log'),
    'threads': ('running', 'workers'),
    'die': ('fail', 'give_up'),
    'console': ('read_commands', 'operator'),
    'c': ('g', 'it', 'who', 'm'),
}


# --- which mistake ---

def mistakes(stage):
    """Returns the names of the patches for a rung, in an order of their own."""
    paths = glob.glob(os.path.join(scores.KIT, 'tests', 'mutants',
                                   glob.escape(stage) + '-*.patch'))
    return sorted((os.path.basename(p)[:-len('.patch')] for p in paths),
                  key=number)


def number(text):
    """Returns a large number for a text, always the same."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], 'big')


def sentence(mistake):
    """Returns what a patch says of itself."""
    path = os.path.join(scores.KIT, 'tests', 'mutants', mistake + '.patch')
    with open(path, encoding='utf-8') as file:
        text = file.read()
    return ' '.join(re.split(r'(?m)^(?:Killed-by:|diff )', text)[0].split())


def in_turn(stage, name, planted):
    """Returns the mistakes for a student, best first: hers, and then those that
    nobody has yet."""
    if name in planted:
        return [planted[name][0]]
    names = mistakes(stage)
    first = number(stage + ' ' + name) % len(names)
    order = names[first:] + names[:first]
    taken = [mistake for mistake, _ in planted.values()]
    return sorted(order, key=lambda m: m in taken)


# --- the program ---

PIECE = re.compile(r'(?s)(/\*.*?\*/|//[^\n]*)|("(?:\\.|[^"\\])*"|'
                   r"'(?:\\.|[^'\\])*'|<[a-z/_]+\.h>)|([A-Za-z_]\w*)|(.)")


def disguised(text, name):
    """Returns a program without comments, some names in it replaced.

    A member behind . or -> keeps its name, and so does what stands in a
    string.
    """
    words = {old: new[number(name + old) % len(new)]
             for old, new in OTHERS.items()}
    out, text = [], re.sub(r'(?ms)^[ \t]*/\*.*?\*/[ \t]*\n', '', text)
    for match in PIECE.finditer(text):
        comment, literal, word, other = match.groups()
        if word in words and not ''.join(out[-2:]).endswith(('.', '->')):
            word = words[word]
        out.append('' if comment else literal or word or other)
    lines = [line.rstrip() for line in ''.join(out).split('\n')]
    return re.sub(r'\n{3,}', '\n\n', '\n'.join(lines)).lstrip('\n')


def make_program(stage, mistake, folder, name):
    """Writes the program with the mistake into FOLDER/STAGE."""
    ours = os.path.join(scores.KIT, stage)
    new = os.path.join(folder, stage)
    os.makedirs(new)
    for file in sorted(os.listdir(ours)):
        if file.endswith(('.c', '.h')):
            shutil.copy(os.path.join(ours, file), new)
    patch = os.path.join(scores.KIT, 'tests', 'mutants', mistake + '.patch')
    with open(patch, 'rb') as text:
        subprocess.run(['patch', '-s', '-d', folder, '-p1', '-f', '-F', '0'],
                       stdin=text, check=True)
    for file in sorted(os.listdir(new)):
        path = os.path.join(new, file)
        with open(path, encoding='utf-8') as source:
            text = disguised(source.read(), name)
        with open(path, 'w', encoding='utf-8') as source:
            source.write(text)


# --- what is given ---

def write_planted(path, planted):
    """Writes planted.tsv: who has which."""
    with open(path + '.new', 'w', encoding='utf-8') as file:
        for name in sorted(planted):
            file.write('%s\t%s\t%s\n' % ((name,) + planted[name]))
    os.replace(path + '.new', path)


def pack(folder, inside):
    """Makes FOLDER.tar.gz, in which the folder is called otherwise."""
    with tarfile.open(folder + '.tar.gz', 'w:gz') as archive:
        archive.add(folder, arcname=inside)


def why_not(command, stage, names):
    """Returns why the planting cannot begin; None if it can."""
    if stage not in scores.rungs() or not mistakes(stage):
        return command + ' wants STAGE=, a rung with mistakes in tests/mutants'
    if not names:
        return command + " wants NAME=, a student's name, or several"
    for name in names:
        if not PLAIN.fullmatch(name):
            return ("'%s': a name has letters, digits, '.', '_' and '-'"
                    % scores.visible(os.fsencode(name)))
    if not shutil.which('patch'):
        return 'patch is missing: sudo apt-get install patch'
    return None
