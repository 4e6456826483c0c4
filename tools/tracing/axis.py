"""The time axis of a picture: times to places, long idle stretches drawn
shorter, and where the ticks are."""

import bisect

from reading import MS

BREAKS_MAX = 10


class Axis:
    """x(time); breaks: (from, to) of the stretches that are drawn shorter, which
    get no more than the share idle of the width."""

    def __init__(self, moments, window, left, right, idle):
        self.times = sorted(set(moments) | set(window))
        gaps = [b - a for a, b in zip(self.times, self.times[1:])]
        most = self.longest(gaps, idle)
        self.breaks = [(a, b) for a, b in zip(self.times, self.times[1:])
                       if b - a > most * 1.001]
        total = sum(min(g, most) for g in gaps) or 1
        self.places, x = [], float(left)
        for g in [0] + gaps:
            x += min(g, most) * (right - left) / total
            self.places.append(x)
        self.scale = (right - left) / total  # where nothing is shortened

    @staticmethod
    def longest(gaps, most_idle):
        """How long a gap may be drawn: the long ones are cut until they take
        no more than their share, but not too many of them, and not where that
        gains little."""
        ordered = sorted(gaps) or [1]
        most, before = ordered[-1], sum(ordered)
        while most > MS:
            less = most * .85
            if len(ordered) - bisect.bisect_right(ordered, less) > BREAKS_MAX:
                break
            most = less
            drawn = [min(g, less) for g in ordered]
            idle = sum(g for g in drawn if g > .3 * less)
            if idle <= most_idle * sum(drawn):
                break
        if sum(min(g, most) for g in ordered) > .75 * before:
            return ordered[-1]
        return most

    def x(self, time):
        i = bisect.bisect_right(self.times, time) - 1
        if i < 0:
            return self.places[0]
        if i >= len(self.times) - 1:
            return self.places[-1]
        a, b = self.times[i], self.times[i + 1]
        return self.places[i] + (self.places[i + 1] - self.places[i]) \
            * (time - a) / (b - a)

    def step(self):
        """Between two ticks, in ns: 1, 2 or 5 of a power of ten."""
        least = 52 / self.scale
        step = MS // 10
        while True:
            for factor in (1, 2, 5):
                if step * factor >= least:
                    return step * factor
            step *= 10

    def ticks(self, zero):
        """(ms since zero, x), none in a stretch that is drawn shorter."""
        step, last = self.step(), -1000.0
        time = zero + (self.times[0] - zero) // step * step
        while time < self.times[-1]:
            broken = next((b for a, b in self.breaks if a < time < b), None)
            if broken is not None:
                time = zero + (broken - zero) // step * step + step
                continue
            x = self.x(time)
            if time >= self.times[0] and x - last >= 40:
                yield (time - zero) / MS, x
                last = x
            time += step
