"""Drawings in SVG: bars for what is compared, lines for what grows."""

import math

WIDTH, LABEL = 860, 210


def opened(height, title, colours):
    """The beginning of a drawing: its title, and what each colour stands for."""
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="10" y="20" font-size="14">{title}</text>']
    x, y = 10, 32
    for name, colour in colours.items():
        taken = 40 + 7 * len(name)
        if x + taken > WIDTH:
            x, y = 10, y + 18
        out.append(f'<rect x="{x}" y="{y}" width="11" height="11" fill="{colour}"/><text x="{x + 16}" y="{y + 10}">{name}</text>')
        x += taken
    return out, y + 28


def closed(out):
    return "\n".join([*out, "</svg>"]) + "\n"


def bars(title, colours, groups):
    """Groups of bars, each with a name and a value for some of the colours; shorter is better."""
    bar, gap = 14, 18
    most = max(value for _, values in groups for value in values.values())
    out, y = opened(len(groups) * (len(colours) * bar + gap) + 70, title, colours)
    scale = (WIDTH - LABEL - 70) / most
    for name, values in groups:
        out.append(f'<text x="10" y="{y + 11}">{name}</text>')
        for colour, value in values.items():
            out.append(f'<rect x="{LABEL}" y="{y}" width="{value * scale:.1f}" height="{bar - 3}" fill="{colours[colour]}"/>'
                       f'<text x="{LABEL + value * scale + 5:.1f}" y="{y + 10}">{value:.1f}</text>')
            y += bar
        y += gap
    return closed(out)


PALETTE = ["#0b6e4f", "#b5483a", "#33658a", "#c98a1b", "#7a4f9a", "#6bb392", "#dd9a8f", "#5f6b73", "#2f9fb5", "#94763a", "#a83279"]


def lines(title, across, series):
    """Lines of points (x, y), both drawn logarithmic; `across` says what x is."""
    colours = dict(zip(series, PALETTE * (len(series) // len(PALETTE) + 1)))
    out, top = opened(560, title, colours)
    left, right, bottom = 60, WIDTH - 30, 520
    xs, ys = ([point[axis] for points in series.values() for point in points] for axis in (0, 1))
    # whole decades, so that a straight line can be read for what it is
    decades = lambda values: range(math.floor(math.log10(min(values)) + 0.1), max(math.ceil(math.log10(max(values)) - 1e-9), 1) + 1)
    wide, high = decades(xs), decades(ys)
    place = lambda value, of, begin, end: begin + (math.log10(value) - of[0]) * (end - begin) / max(of[-1] - of[0], 1)
    for decade in wide:
        x = place(10**decade, wide, left, right)
        out.append(f'<path d="M{x:.1f} {top}V{bottom}" stroke="#ddd"/><text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{10**decade:g}</text>')
    for decade in high:
        y = place(10**decade, high, bottom, top)
        out.append(f'<path d="M{left} {y:.1f}H{right}" stroke="#ddd"/><text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{10**decade:g}</text>')
    out.append(f'<text x="{(left + right) / 2}" y="{bottom + 32}" text-anchor="middle">{across}</text>')
    for name, points in series.items():
        path = " ".join(f"{place(x, wide, left, right):.1f},{place(y, high, bottom, top):.1f}" for x, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colours[name]}" stroke-width="2"/>')
    return closed(out)
