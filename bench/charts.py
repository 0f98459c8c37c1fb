"""Charts of the results, as SVG by hand: no script, readable on light and on dark ground."""
import math
import os
from html import escape

from measure import Figure

COLOURS = {"smtptool": "#2f81f7", "postfix": "#d29922", "exim": "#3fb950", "opensmtpd": "#a371f7",
           "opensmtpd, sync": "#db61a2", "haraka": "#f0603c", "no server": "#8b949e"}
OTHER = "#8b949e"
NOT_DURABLE = ("opensmtpd",)
STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #424a53 }
.title { font-weight: 600; font-size: 14px }
.small { font-size: 11px }
.grid { stroke: #8b949e; stroke-opacity: .35 }
@media (prefers-color-scheme: dark) { text { fill: #c9d1d9 } }
</style>"""
WIDTH, LEFT, RIGHT, ROW, TOP = 860, 300, 30, 26, 72


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def say(x, y, text, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'


def line(x1, y1, x2, y2, attributes):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {attributes}/>'


def document(height, title, parts):
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
                      f'aria-label="{escape(title)}">', STYLE, say(10, 22, title, "title"), *parts, "</svg>", ""])


def legend(names):
    parts, x = [], 10
    for name in names:
        words = name + (" (not durable)" if name in NOT_DURABLE else "")
        parts.append(f'<circle cx="{x + 5}" cy="42" r="5" fill="{COLOURS.get(name, OTHER)}"/>')
        parts.append(say(x + 15, 46, words))
        x += 34 + 7 * len(words)
    return parts


class Scale:
    """A logarithmic one, from one power of ten to another."""

    def __init__(self, values, start, end):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(self.low + 1, math.ceil(math.log10(max(values))))
        self.start, self.end = start, end

    def at(self, value):
        return self.start + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self):
        return [10.0 ** power for power in range(self.low, self.high + 1)]


def dots(title, rows):
    """rows: (label, {peer: Figure}). A dot for each peer, its spread as a line."""
    rows = [(label, {p: f for p, f in peers.items() if min(f.values) > 0}) for label, peers in rows]
    rows = [row for row in rows if row[1]]
    values = [v for _, peers in rows for f in peers.values() for v in f.values]
    if not values:
        return None
    scale, bottom = Scale(values, LEFT, WIDTH - RIGHT), TOP + ROW * len(rows)
    names = [n for n in COLOURS if any(n in peers for _, peers in rows)]
    parts = legend(names)
    for tick in scale.ticks():
        parts.append(line(scale.at(tick), TOP - 8, scale.at(tick), bottom, 'class="grid"'))
        parts.append(say(scale.at(tick), bottom + 16, number(tick), "small", "middle"))
    for i, (label, peers) in enumerate(rows):
        y = TOP + ROW * i + ROW / 2
        parts.append(say(LEFT - 12, y + 4, label, "small", "end"))
        parts.append(line(LEFT, y, WIDTH - RIGHT, y, 'class="grid" stroke-dasharray="1 5"'))
        for name, figure in peers.items():
            parts += dot(scale, y, name, figure)
    return document(bottom + 28, title, parts)


def dot(scale, y, name, figure):
    colour = COLOURS.get(name, OTHER)
    return [line(scale.at(min(figure.values)), y, scale.at(max(figure.values)), y,
                 f'stroke="{colour}" stroke-width="3" stroke-opacity=".5"'),
            f'<circle cx="{scale.at(figure.median):.1f}" cy="{y}" r="5" fill="{colour}">'
            f'<title>{escape(name)}: {number(figure.median)}</title></circle>']


def lines(title, across, curves):
    """curves: {peer: [(x, y), …]}; x linear, y logarithmic."""
    points = [p for curve in curves.values() for p in curve if p[1] > 0]
    if not points:
        return None
    height, left, bottom = 380, 70, 330
    most = max(x for x, _ in points)
    scale = Scale([y for _, y in points], bottom, TOP)
    parts = legend([n for n in COLOURS if n in curves])
    for tick in scale.ticks():
        parts.append(line(left, scale.at(tick), WIDTH - RIGHT, scale.at(tick), 'class="grid"'))
        parts.append(say(left - 8, scale.at(tick) + 4, number(tick), "small", "end"))
    for part in range(5):
        x = left + (WIDTH - RIGHT - left) * part / 4
        parts.append(say(x, bottom + 18, number(most * part / 4), "small", "middle"))
    parts.append(say((left + WIDTH - RIGHT) / 2, bottom + 38, across, "small", "middle"))
    for name, curve in curves.items():
        path = " ".join(f"{left + x / most * (WIDTH - RIGHT - left):.1f},{scale.at(y):.1f}" for x, y in curve if y > 0)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS.get(name, OTHER)}" stroke-width="2.5"/>')
    return document(height, title, parts)


# ---- which -----------------------------------------------------------------------------------

KINDS = {"accept": "accept", "relay": "relay", "tls": "TLS", "tmpfs": "accept, in memory"}


def load_rows(cells, key):
    rows = []
    for cell in (c for c in cells if c["kind"] in KINDS):
        title = f"{KINDS[cell['kind']]}: {cell['title']}".replace("10 KB, ", "").replace(" connections", " conn.")
        title = title.replace(", queue in memory", "").replace("TLS: STARTTLS, ", "TLS, ")
        rows.append((title, {r["peer"]: Figure(x[key] for x in r["runs"]) for r in cell["rows"] if r.get("runs")}))
    return rows


def idle_rows(cells):
    return [(c["title"], {r["peer"]: Figure([r["kib"]]) for r in c["rows"] if r.get("kib", 0) > 0})
            for c in cells if c["kind"] == "idle"]


def growth_curves(cells):
    """Of the longest queue of small messages that was made."""
    grown = [c for c in cells if c["kind"] == "growth" and "2 KB" in c["title"] and c["rows"]]
    if not grown:
        return {}
    return {r["peer"]: [(c[0], c[2]) for c in r["chunks"]] for r in grown[-1]["rows"] if r.get("chunks")}


def write(folder, cells):
    """[(file name, what it shows)] of those that could be made."""
    made = {
        "performance-cpu.svg": ("CPU milliseconds a message (less is better)",
                                lambda title: dots(title, load_rows(cells, "cpu"))),
        "performance-rate.svg": ("Messages a second (more is better)",
                                 lambda title: dots(title, load_rows(cells, "rate"))),
        "performance-idle.svg": ("KiB of memory for each connection that waits (less is better)",
                                 lambda title: dots(title, idle_rows(cells))),
        "performance-growth.svg": ("CPU milliseconds a message while the queue grows (less is better)",
                                   lambda title: lines(title, "messages that wait", growth_curves(cells))),
    }
    written = []
    for name, (title, draw) in made.items():
        picture = draw(title)
        if picture:
            with open(os.path.join(folder, name), "w") as file:
                file.write(picture)
            written.append((name, title))
    return written
