// book.js: what the pages do beyond being read. Without it all is there to
// read.
'use strict';
var BOOK = { casts: {} };

(function () {
    const $ = (selector, within) =>
        (within || document).querySelector(selector);
    const $$ = (selector, within) =>
        Array.from((within || document).querySelectorAll(selector));

    function make(tag, values, text) {
        const element = Object.assign(
            document.createElement(tag),
            values || {}
        );
        if (text !== undefined) element.textContent = text;
        return element;
    }

    function say(words) {
        $('.said').textContent = words;
    }

    // A page from disk may load scripts, and nothing else. Each is loaded once.
    const loading = {};
    function load(file) {
        loading[file] =
            loading[file] ||
            new Promise((resolve, reject) => {
                const script = make('script', {
                    src: file,
                    onload: resolve,
                    onerror: () =>
                        reject(new Error(file + ' cannot be loaded')),
                });
                document.head.append(script);
            });
        return loading[file];
    }

    // --- light and dark ---

    function theme() {
        const button = $('.theme'),
            root = document.documentElement;
        const dark = () =>
            (root.dataset.theme ||
                (matchMedia('(prefers-color-scheme: dark)').matches
                    ? 'dark'
                    : 'light')) === 'dark';
        const tell = () => {
            button.textContent = dark() ? 'Light' : 'Dark';
        };
        button.hidden = false;
        button.addEventListener('click', () => {
            root.dataset.theme = dark() ? 'light' : 'dark';
            try {
                localStorage.setItem('theme', root.dataset.theme);
            } catch (e) {
                /* It is not kept, then. */
            }
            tell();
        });
        tell();
    }

    // --- copying, scrolling, printing ---

    async function copy(button, text) {
        try {
            await navigator.clipboard.writeText(text);
        } catch (e) {
            // From disk some browsers have no clipboard of this kind.
            const area = make('textarea', { value: text });
            document.body.append(area);
            area.select();
            document.execCommand('copy');
            area.remove();
            button.focus();
        }
        button.textContent = 'Copied';
        say('Copied');
        button.addEventListener(
            'blur',
            () => {
                button.textContent = 'Copy';
            },
            { once: true }
        );
    }

    function commands() {
        for (const command of $$('kbd.command')) {
            const button = make(
                'button',
                { type: 'button', className: 'copy' },
                'Copy'
            );
            button.setAttribute('aria-label', 'Copy ' + command.textContent);
            const text = command.textContent;
            button.addEventListener('click', () => copy(button, text));
            command.after(button);
        }
    }

    // What can be scrolled can be reached by keyboard.
    function scrollers() {
        for (const box of $$('pre, .wide'))
            if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
            else if (!box.classList.contains('tall'))
                box.removeAttribute('tabindex');
    }

    function unfoldTarget() {
        const target =
            location.hash.length > 1 &&
            document.getElementById(decodeURIComponent(location.hash.slice(1)));
        for (let at = target; at; at = at.parentElement)
            if (at.tagName === 'DETAILS') at.open = true;
        const inside =
            target && target.tagName === 'TR' && $('details', target);
        if (inside) {
            inside.open = true;
            pointAt($('th', target));
        }
        if (target && target.id !== 'way')
            target.scrollIntoView({ block: 'start' });
    }

    function printing() {
        let opened = [];
        addEventListener('beforeprint', () => {
            opened = $$('main > details:not([open]), .fold:not([open])');
            opened.forEach(d => {
                d.open = true;
            });
        });
        addEventListener('afterprint', () =>
            opened.forEach(d => {
                d.open = false;
            })
        );
    }

    function drawer() {
        const here = $('.way [aria-current]'),
            way = $('.way');
        if (here && here.offsetTop > way.clientHeight * 0.6)
            way.scrollTop = here.offsetTop - way.clientHeight * 0.3;
        addEventListener('keydown', event => {
            if (event.key === 'Escape' && location.hash === '#way') {
                location.hash = '#text';
                $('.menu').focus();
            }
        });
        addEventListener('hashchange', () => {
            if (location.hash === '#way') $('.way a').focus();
        });
    }

    // --- search ---

    // The index is packed: it would be the largest file of all.
    async function unpack() {
        if (BOOK.lunr) return;
        const bytes = Uint8Array.from(atob(BOOK.packed), c => c.charCodeAt(0));
        const stream = new Blob([bytes])
            .stream()
            .pipeThrough(new DecompressionStream('deflate'));
        const { found, index } = await new Response(stream).json();
        BOOK.found = found;
        BOOK.lunr = lunr.Index.load(index);
    }

    function ask(words) {
        const index = BOOK.lunr;
        return index
            .query(query => {
                for (const token of lunr.tokenizer(words)) {
                    const text = token.toString();
                    const stem = index.pipeline.runString(text)[0];
                    if (stem) query.term(stem, { boost: 10 });
                    query.term(text, {
                        boost: 3,
                        usePipeline: false,
                        wildcard: lunr.Query.wildcard.TRAILING,
                    });
                }
            })
            .slice(0, 10)
            .map(hit => BOOK.found[hit.ref]);
    }

    // The words around the first place where one of those stands.
    function snippet(text, words) {
        const low = text.toLowerCase();
        const at = Math.max(0, ...words.map(w => low.indexOf(w)));
        const start = at > 60 ? text.lastIndexOf(' ', at - 50) + 1 : 0;
        const box = make('div', { className: 'snippet' });
        let piece = text.slice(start, start + 170);
        while (piece) {
            const next = words
                .map(w => [piece.toLowerCase().indexOf(w), w])
                .filter(f => f[0] >= 0)
                .sort((a, b) => a[0] - b[0])[0];
            if (!next) break;
            box.append(
                piece.slice(0, next[0]),
                make('mark', {}, piece.slice(next[0], next[0] + next[1].length))
            );
            piece = piece.slice(next[0] + next[1].length);
        }
        box.append(piece);
        return box;
    }

    function result([href, heading, page, text], words, n) {
        const item = make('li', { id: 'found-' + n });
        item.setAttribute('role', 'option');
        item.setAttribute('aria-selected', 'false');
        item.dataset.href = href;
        item.append(make('div', {}, heading));
        if (page !== heading)
            item.append(make('div', { className: 'where' }, page));
        item.append(snippet(text, words));
        return item;
    }

    // The field and its list, as WAI-ARIA's pattern for a combobox has them.
    const finder = {
        chosen: -1,

        ready() {
            return load('lunr.js')
                .then(() => load('search.js'))
                .then(unpack);
        },

        close() {
            finder.list.hidden = true;
            finder.input.setAttribute('aria-expanded', 'false');
            finder.input.removeAttribute('aria-activedescendant');
        },

        choose(n) {
            const items = $$('li', finder.list);
            if (!items.length) return;
            finder.chosen = (n + items.length) % items.length;
            const item = items[finder.chosen];
            items.forEach(li =>
                li.setAttribute('aria-selected', String(li === item))
            );
            finder.input.setAttribute('aria-activedescendant', item.id);
            item.scrollIntoView({ block: 'nearest' });
        },

        go(item) {
            finder.close();
            location.href = item.dataset.href;
        },

        nothing() {
            const item = make('li', { id: 'found-0' }, 'Nothing was found.');
            item.setAttribute('role', 'option');
            item.setAttribute('aria-selected', 'false');
            return item;
        },

        async look() {
            await finder.ready();
            const text = finder.input.value.toLowerCase();
            const words = text.split(/\s+/).filter(Boolean);
            if (!words.length) return finder.close();
            const items = ask(text).map((f, n) => result(f, words, n));
            finder.list.replaceChildren(
                ...(items.length ? items : [finder.nothing()])
            );
            finder.list.hidden = false;
            finder.list.dataset.words = finder.input.value;
            finder.input.setAttribute('aria-expanded', 'true');
            finder.chosen = -1;
            return say(items.length + ' found');
        },

        key(event) {
            const items = $$('li[data-href]', finder.list);
            const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
            if (by) {
                event.preventDefault();
                finder.choose(finder.chosen + by);
            } else if (event.key === 'Escape') finder.close();
            else if (
                event.key === 'Enter' &&
                items.length &&
                !finder.list.hidden
            )
                finder.go(items[Math.max(finder.chosen, 0)]);
        },
    };

    function search() {
        const form = $('.search');
        const input = (finder.input = $('#q'));
        const list = (finder.list = $('#found'));
        form.hidden = false;
        form.addEventListener('submit', event => event.preventDefault());
        input.addEventListener('focus', finder.ready);
        input.addEventListener('input', finder.look);
        input.addEventListener('keydown', finder.key);
        input.addEventListener('blur', finder.close);
        list.addEventListener('mousedown', event => {
            const item = event.target.closest('li[data-href]');
            if (item) finder.go(item);
        });
        addEventListener('keydown', event => {
            if (event.key === '/' && !typing(event)) {
                event.preventDefault();
                input.focus();
            }
        });
    }

    function typing(event) {
        return (
            /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) ||
            event.ctrlKey ||
            event.metaKey ||
            event.altKey
        );
    }

    // --- a step: the lines that a text speaks of, and the other way round ---

    function lines(number) {
        return $$('.r[data-about]').filter(r =>
            r.dataset.about.split(' ').includes(number)
        );
    }

    function light(number, move) {
        $$('.step .lit').forEach(e => e.classList.remove('lit'));
        if (!number) return;
        const lit = lines(number);
        lit.forEach(r => r.classList.add('lit'));
        $$(`.card[data-about="${number}"]`).forEach(c =>
            c.classList.add('lit')
        );
        if (move && lit.length) lit[0].scrollIntoView({ block: 'center' });
    }

    // The lines that a row of the matrix rests on, by their numbers in the new
    // file.
    function lightRow(item) {
        light('');
        const wanted = item.dataset.lines.split(' ');
        const code = $('.code', item.closest('.hunk'));
        $$('.r.add, .r.both', code).forEach(r => {
            if (wanted.includes($('b:last-of-type', r).textContent))
                r.classList.add('lit');
        });
        item.classList.add('lit');
    }

    // In two columns a line that stays stands in both.
    function twice() {
        for (const row of $$('.r.same')) {
            const copy = row.lastElementChild.cloneNode(true);
            copy.className = 'left';
            copy.setAttribute('aria-hidden', 'true');
            row.firstElementChild.after(copy);
        }
    }

    // To the next hunk, or the one before: seen from the one that has the
    // focus, else from what stands at the top of the window.
    function hop(by) {
        const hunks = $$('.hunk');
        const held = hunks.indexOf(document.activeElement.closest('.hunk'));
        const above = hunks.filter(
            h => h.getBoundingClientRect().top < 75
        ).length;
        const to = hunks[held >= 0 ? held + by : by > 0 ? above : above - 1];
        if (to) {
            to.scrollIntoView({ block: 'start' });
            $('h2 a', to).focus({ preventScroll: true });
        }
    }

    function step() {
        if (!$('.hunk')) return;
        for (const card of $$('.card')) {
            const number = card.dataset.about;
            card.addEventListener('mouseenter', () => light(number));
            card.addEventListener('focusin', () => light(number));
            card.addEventListener('click', () => light(number, true));
            card.addEventListener('keydown', event => {
                if (event.key === 'Enter' && event.target === card)
                    light(number, true);
            });
        }
        twice();
        for (const item of $$('[data-lines]'))
            for (const type of ['mouseenter', 'focusin'])
                item.addEventListener(type, () => lightRow(item));
        for (const row of $$('.r[data-about]'))
            row.addEventListener('mouseenter', () =>
                light(row.dataset.about.split(' ')[0])
            );
        const unfold = $('.unfold');
        unfold.hidden = $('.keys').hidden = false;
        unfold.addEventListener('click', () => {
            const folds = $$('.fold'),
                open = folds.some(f => !f.open);
            folds.forEach(f => {
                f.open = open;
            });
            unfold.textContent = open ? 'Fold all' : 'Unfold all';
        });
        addEventListener('keydown', event => {
            if (!typing(event) && (event.key === 'n' || event.key === 'p'))
                hop(event.key === 'n' ? 1 : -1);
        });
    }

    // --- the matrix ---

    function rungs() {
        return $$('.cells thead th[data-rung]');
    }

    function pointAt(cell) {
        const box = $('.pointed'),
            row = cell.closest('tbody tr');
        const head = rungs()[cell.cellIndex - 1];
        box.replaceChildren();
        if (row) {
            box.append(make('p', {}, ''));
            box.firstChild.append(
                make('strong', {}, $('summary', row).textContent)
            );
            if (head)
                box.firstChild.append(
                    ' – ' + head.dataset.rung + ': ' + meaning(cell)
                );
            $$('details p', row).forEach(p => box.append(p.cloneNode(true)));
        } else if (head) {
            box.append(make('p', {}, ''));
            box.firstChild.append(make('strong', {}, head.dataset.rung));
            if (head.dataset.adds)
                box.append(make('p', {}, 'Adds ' + head.dataset.adds + '.'));
            if (head.dataset.still)
                box.append(
                    make('p', {}, 'Still wrong: ' + head.dataset.still + '.')
                );
        }
        column(cell.cellIndex);
    }

    function meaning(cell) {
        if (cell.classList.contains('y')) return 'holds';
        return cell.classList.contains('n')
            ? 'fails, on purpose (' + $('i', cell).textContent.trim() + ')'
            : 'not asked';
    }

    function column(index) {
        $$('.cells .col').forEach(c => c.classList.remove('col'));
        if (index > 0)
            $$(`.cells tr > :nth-child(${index + 1})`).forEach(c =>
                c.classList.add('col')
            );
    }

    // What the step NAME turns lights up; ALONE hides the rows that it does
    // not.
    function turn(name, alone) {
        const table = $('.cells');
        table.classList.toggle('lighting', Boolean(name));
        $$('td', table).forEach(c =>
            c.classList.toggle('lit', Boolean(name) && c.dataset.turn === name)
        );
        $$('tbody tr', table).forEach(row => {
            row.dataset.out = alone && !$('.lit', row) ? 'yes' : '';
        });
        sieve();
        return $$('.lit', table).length;
    }

    function sieve() {
        const words = $('#rows').value.toLowerCase();
        $$('.cells tbody tr').forEach(row => {
            row.hidden =
                row.dataset.out === 'yes' ||
                !$('summary', row).textContent.toLowerCase().includes(words);
        });
    }

    function matrix() {
        if (!$('.cells')) return;
        const buttons = $$('[data-step]');
        let held = '';
        $('.steps').hidden = $('.pointed').hidden = false;
        for (const type of ['mouseover', 'focusin', 'click'])
            $('.cells').addEventListener(type, event => {
                const cell = event.target.closest('th, td');
                if (cell) pointAt(cell);
            });
        for (const button of buttons) {
            const name = button.dataset.step;
            button.addEventListener('mouseenter', () => held || turn(name));
            button.addEventListener('focus', () => held || turn(name));
            button.addEventListener('mouseleave', () => held || turn(''));
            button.addEventListener('blur', () => held || turn(''));
            button.addEventListener('click', () => {
                held = held === name ? '' : name;
                buttons.forEach(b =>
                    b.setAttribute(
                        'aria-pressed',
                        String(b.dataset.step === held)
                    )
                );
                say(turn(held, Boolean(held)) + ' cells turn');
            });
        }
        $('#rows').addEventListener('input', sieve);
        $('.pointed').append(
            make('p', {}, 'Point at a row, a column or a step.')
        );
    }

    // --- a demo ---

    function times(text) {
        return text
            .split('\n')
            .slice(1)
            .map(line => JSON.parse(line)[0]);
    }

    // Starts the player of a demo anew: it has no way to change its speed.
    function start(demo, speed, at) {
        if (demo.player) demo.player.dispose();
        const root = getComputedStyle(document.documentElement);
        const player = AsciinemaPlayer.create(
            { data: demo.text },
            demo.screen,
            {
                speed,
                startAt: at,
                autoPlay: demo.going,
                preload: true,
                fit: innerWidth < 700 ? false : 'width',
                terminalFontSize: '11px',
                terminalFontFamily: root.getPropertyValue('--mono'),
            }
        );
        player.addEventListener('play', () => goes(demo, true));
        player.addEventListener('pause', () => goes(demo, false));
        player.addEventListener('ended', () => goes(demo, false));
        demo.player = BOOK.player = player;
    }

    function goes(demo, on) {
        demo.going = on;
        demo.box.dataset.state = on ? 'playing' : 'paused';
        demo.toggle.textContent = on ? 'Pause' : 'Play';
    }

    // To the next thing that is written, and no further.
    async function stepOn(demo) {
        await demo.player.pause();
        const now = await demo.player.getCurrentTime();
        const then = times(demo.text).find(t => t > now + 0.01);
        if (then !== undefined) await demo.player.seek(then + 0.005);
        demo.box.dataset.at = then;
    }

    function button(words, act) {
        const made = make('button', { type: 'button' }, words);
        made.addEventListener('click', act);
        return made;
    }

    function speeds(change) {
        const select = make('select'),
            label = make('label', {}, 'Speed ');
        for (const s of [0.5, 1, 2, 4])
            select.append(
                make('option', { value: s, selected: s === 1 }, s + '×')
            );
        select.addEventListener('change', () => change(Number(select.value)));
        label.append(select);
        return label;
    }

    async function demo(box) {
        const stage = box.dataset.cast;
        const style = { rel: 'stylesheet', href: 'player.css' };
        document.head.append(make('link', style));
        await Promise.all([load('player.js'), load('casts/' + stage + '.js')]);
        const it = { box, text: BOOK.casts[stage] };
        it.screen = make('div', { className: 'screen' });
        it.toggle = button('Pause', () => {
            goes(it, !it.going);
            return it.going ? it.player.play() : it.player.pause();
        });
        const controls = make('div', { className: 'controls' });
        controls.append(
            it.toggle,
            button('Step', () => stepOn(it)),
            button('From the start', () => it.player.seek(0)),
            speeds(async s => start(it, s, await it.player.getCurrentTime()))
        );
        box.replaceChildren(it.screen, controls);
        goes(it, true);
        start(it, 1, 0);
        it.toggle.focus();
    }

    function demos() {
        for (const box of $$('.player')) {
            const play = button('Play the demo', () => demo(box));
            play.className = 'start';
            box.append(play);
            box.hidden = false;
            $('.transcript', box.parentNode).open = false;
        }
    }

    // --- a picture of a trace: what comes later is covered ---

    function stepped(image) {
        const box = make('div', { className: 'trace' });
        const cover = make('div', { className: 'cover' });
        const time = make('input', {
            type: 'range',
            min: 0,
            max: 20,
            value: 20,
        });
        const next = make('button', { type: 'button' }, 'Step through');
        const label = make('label', {}, 'Time ');
        const controls = make('div', { className: 'controls' });
        const show = () => {
            cover.style.left = 17.3 + (time.value / 20) * 82.7 + '%';
            time.setAttribute('aria-valuetext', time.value * 5 + ' percent');
        };
        next.addEventListener('click', () => {
            time.value = time.value === '20' ? 0 : Number(time.value) + 1;
            next.textContent = 'Step';
            show();
        });
        time.addEventListener('input', show);
        label.append(time);
        controls.append(next, label);
        image.before(box);
        box.append(make('div', { className: 'shown' }), controls);
        box.firstChild.append(image, cover);
        show();
    }

    function pictures() {
        $$('img[src*="notes-pictures-"]').forEach(stepped);
    }

    theme();
    pictures();
    drawer();
    commands();
    scrollers();
    search();
    step();
    matrix();
    demos();
    printing();
    addEventListener('hashchange', unfoldTarget);
    addEventListener('resize', scrollers);
    unfoldTarget();
})();
