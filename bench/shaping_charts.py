#!/usr/bin/env python3
"""Draw what the closed loop makes of simulated providers: docs/shaping-SCENE.svg.

    ninja -C build shaping-curves && bench/shaping_charts.py [SCENE ...]

The curves come from build/shaping-curves (bench/shaping_curves.c), in virtual time: the same each time.
Environment: CURVES (that program), OUT (docs).
"""
import csv
import os
import subprocess
import sys

from charts import WIDTH, document, line, number, say

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CURVES = os.environ.get("CURVES") or os.path.join(HERE, "build", "shaping-curves")
OUT = os.environ.get("OUT") or os.path.join(HERE, "docs")
SHOWN = ("hour", "second", "raised", "lowered", "storm", "block")
HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 350, 60, 20, 62, 275
COLOURS = {"allowed": "#8b949e", "accepted": "#2f81f7", "refused": "#f0603c"}


def scenes(names):
    """(name, title, what it came to, rows) of each."""
    text = subprocess.run([CURVES, *names], capture_output=True, text=True, check=True).stdout
    found, head, body = [], [], []
    for row in text.splitlines() + ["# "]:
        if row.startswith("# ") and body:
            found.append((*head, list(csv.DictReader(body))))
            head, body = [], []
        if row.startswith("# "):
            head.append(row[2:])
        else:
            body.append(row)
    return found


def refused(row):
    return sum(int(row[key]) for key in ("throttled", "stormed", "greylisted", "blocked"))


def curve(points, across, up, attributes):
    path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" {attributes}/>'


def stairs(values):
    """A value holds for its whole minute."""
    return [point for x, y in enumerate(values) for point in ((x, y), (x + 1, y))]


def grid(most, minutes, across, up):
    parts = []
    for part in range(5):
        parts.append(line(LEFT, up(most * part / 4), WIDTH - RIGHT, up(most * part / 4), 'class="grid"'))
        parts.append(say(LEFT - 8, up(most * part / 4) + 4, number(most * part / 4), "small", "end"))
    for minute in range(0, minutes + 1, 10):
        parts.append(say(across(minute), BOTTOM + 18, str(minute), "small", "middle"))
    parts.append(say((LEFT + WIDTH - RIGHT) / 2, BOTTOM + 38, "minutes", "small", "middle"))
    return parts


def legend():
    parts, x = [], 10
    for name, words in (("allowed", "allowed a minute"), ("accepted", "accepted"), ("refused", "refused")):
        parts.append(f'<circle cx="{x + 5}" cy="42" r="5" fill="{COLOURS[name]}"/>')
        parts.append(say(x + 15, 46, words))
        x += 34 + 7 * len(words)
    return parts


def draw(title, came_to, rows):
    allowed, accepted = ([float(row[key]) for row in rows] for key in ("allowed", "accepted"))
    most = max(*allowed, *accepted, *map(refused, rows)) * 1.05

    def across(minute):
        return LEFT + (WIDTH - LEFT - RIGHT) * minute / len(rows)

    def up(value):
        return BOTTOM - (BOTTOM - TOP) * value / most

    parts = legend() + grid(most, len(rows), across, up)
    parts.append(curve(stairs(allowed), across, up,
                       f'stroke="{COLOURS["allowed"]}" stroke-width="2" stroke-dasharray="5 4"'))
    parts.append(curve([(x + .5, y) for x, y in enumerate(accepted)], across, up,
                       f'stroke="{COLOURS["accepted"]}" stroke-width="2.5"'))
    for minute, row in enumerate(rows):
        if refused(row):
            x = across(minute + .5)
            parts.append(line(x, up(0), x, up(refused(row)) - 1, f'stroke="{COLOURS["refused"]}" stroke-width="3"'))
    parts.append(say(10, HEIGHT - 12, came_to, "small"))
    return document(HEIGHT, title, parts)


def main():
    for name, title, came_to, rows in scenes(sys.argv[1:] or SHOWN):
        path = os.path.join(OUT, f"shaping-{name}.svg")
        with open(path, "w") as file:
            file.write(draw(title, came_to, rows))
        print(f"{os.path.relpath(path, HERE)}: {came_to}")


if __name__ == "__main__":
    main()
