// demos.js: make demo, recorded by asciinema, to be played on a page; and its
// text. A recording is kept under build/casts for as long as what it shows, and
// what plays it, stays the same.
'use strict';
const fs = require('fs');
const path = require('path');
const { createHash } = require('crypto');
const { spawn, spawnSync } = require('child_process');
const kit = require('./kit');
const { escape } = require('./page');

const size = { cols: 100, rows: 26, pace: '0.35' };
const kept = path.join(kit.root, 'build/casts');

// In socketserver there are several programs, and one story.
function programs(stage) {
    if (stage === 'demo')
        return [...programs('v6_errors'), ...programs('client')];
    const folder = { chat: 'socketserver' }[stage] || stage;
    return fs
        .readdirSync(path.join(kit.root, folder))
        .sort()
        .filter(f => /\.[ch]$/.test(f))
        .map(f => `${folder}/${f}`);
}

function stamp(stage) {
    const sum = createHash('sha256').update(JSON.stringify(size));
    const peer = fs
        .readdirSync(path.join(kit.root, 'tests/peer'))
        .sort()
        .filter(f => /\.[ch]$/.test(f))
        .map(f => 'tests/peer/' + f);
    for (const file of [
        'tools/demo',
        'tests/language.bash',
        ...peer,
        ...programs(stage),
    ])
        sum.update(kit.read(file));
    return sum.digest('hex').slice(0, 12);
}

// Without a rung people chat, with the real client.
function played(stage) {
    return stage === 'demo' ? 'make demo' : `make demo STAGE=${stage}`;
}

// asciinema wants a folder of its own, even where it keeps nothing in it, and a
// locale with UTF-8.
function environment(folder) {
    const locale = process.env.LC_ALL || '';
    const env = {
        ...process.env,
        TERM: 'xterm-256color',
        DEMO_PACE: size.pace,
        COLUMNS: String(size.cols),
        ASCIINEMA_CONFIG_HOME: folder,
        LC_ALL: /utf-?8$/i.test(locale) ? locale : 'C.UTF-8',
    };
    for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL']) delete env[name];
    return env;
}

function asciinema(command, file, env) {
    const options = ['--quiet', '--overwrite', '-c', command];
    const window = ['--cols', size.cols, '--rows', size.rows];
    return new Promise((resolve, reject) => {
        spawn('asciinema', ['rec', ...options, ...window, file], {
            cwd: kit.root,
            env,
            stdio: ['ignore', 'ignore', 'inherit'],
        })
            .on('error', reject)
            .on('close', resolve);
    });
}

// Ends with what make demo ended with: asciinema itself does not tell.
async function record(stage, file) {
    const status = file + '.status',
        raw = file + '.new',
        folder = file + '.asciinema';
    const command = played(stage).replace('make', 'make -s');
    await asciinema(
        `${command}; echo $? >'${status}'`,
        raw,
        environment(folder)
    );
    const how = fs.existsSync(status)
        ? fs.readFileSync(status, 'utf8').trim()
        : 'no status';
    fs.rmSync(status, { force: true });
    fs.rmSync(folder, { recursive: true, force: true });
    if (how !== '0')
        throw new Error(`${played(stage)} ends with ${how}: ${raw} shows how`);
    fs.renameSync(raw, file);
}

// Of what a machine cannot play, make demo says so in one line: no recording.
function parse(text) {
    const events = text
        .trim()
        .split('\n')
        .slice(1)
        .map(l => JSON.parse(l))
        .filter(e => e[1] === 'o');
    const start = events.length ? events[0][0] - 0.3 : 0;
    events.forEach(e => {
        e[0] = Math.round((e[0] - start) * 1000) / 1000;
    });
    const lines = events
        .map(e => e[2])
        .join('')
        .split('\n').length;
    return {
        head: {
            version: 2,
            width: size.cols,
            height: Math.min(size.rows, lines),
        },
        events,
    };
}

const tones = {
    1: 'bold',
    2: 'dim',
    31: 'red',
    32: 'green',
    33: 'yellow',
    35: 'magenta',
    36: 'cyan',
};

// The text of a recording, in the colours of the terminal.
function transcript(events) {
    const text = events
        .map(e => e[2])
        .join('')
        .replace(/\r/g, '');
    let open = false;
    return escape(text)
        .replace(/\x1b\[(\d*)m/g, (_, n) => {
            const end = open ? '</span>' : '';
            open = n in tones;
            return end + (open ? `<span class="${tones[n]}">` : '');
        })
        .replace(/\x1b\[[\d;?]*[A-Za-z]/g, '')
        .trim();
}

function figure(stage, cast) {
    return `<section class="demo"><h2 id="demo">The demo</h2>
<p>Recorded from <kbd class="command">${played(stage)}</kbd></p>
<div class="player" data-cast="${stage}" hidden></div>
<details class="transcript" open><summary>The text of it</summary>
<pre class="terminal"><code>${transcript(cast.events)}</code></pre></details>
</section>`;
}

// What the demos run, so that no two of them build the same. What cannot be
// built here, make demo itself will say.
function buildAll() {
    const options = { cwd: kit.root, stdio: ['ignore', 'ignore', 'inherit'] };
    const names = kit.columns.filter(c => c !== 'socketserver');
    const tool = ['tests/sandbox/build', '.', 'build/kit'];
    spawnSync('make', ['-s', '-f', 'tests/sandbox/programs.mk'], options);
    spawnSync(tool[0], [...tool.slice(1), 'echo', ...names], options);
}

// All at once would disturb each other; they mostly wait, so six will do.
async function recordAll(stages, files) {
    const todo = stages.filter(s => !fs.existsSync(files.get(s)));
    const count = todo.length,
        begin = Date.now();
    if (!count) return;
    buildAll();
    const work = async () => {
        for (let s = todo.shift(); s; s = todo.shift())
            await record(s, files.get(s));
    };
    await Promise.all(Array.from({ length: 6 }, work));
    const seconds = Math.round((Date.now() - begin) / 1000);
    console.log(`${count} demos recorded, in ${seconds} s`);
}

// Recordings of what has changed since are of no use any more.
function forget(files) {
    const names = new Set([...files.values()].map(f => path.basename(f)));
    for (const name of fs.readdirSync(kept))
        if (!names.has(name))
            fs.rmSync(path.join(kept, name), { recursive: true, force: true });
}

async function all() {
    fs.mkdirSync(kept, { recursive: true });
    const stages = ['demo', ...kit.columns.filter(c => c !== 'chat')];
    const files = new Map(
        stages.map(s => [s, path.join(kept, `${s}-${stamp(s)}.cast`)])
    );
    await recordAll(stages, files);
    forget(files);
    const casts = new Map();
    for (const [stage, file] of files) {
        const cast = parse(fs.readFileSync(file, 'utf8'));
        if (cast.events.length > 3) casts.set(stage, cast);
    }
    return casts;
}

// A page opened from disk may load a script, but no other file.
function script(stage, cast) {
    const lines = [cast.head, ...cast.events]
        .map(l => JSON.stringify(l))
        .join('\n');
    return `BOOK.casts[${JSON.stringify(stage)}] = ${JSON.stringify(lines)};\n`;
}

module.exports = { all, played, figure, script };
