"""A small SVG writer: text, lines and shapes, the same bytes each time, in light and in dark."""

from collections.abc import Sequence
from html import escape

#: Width of a character of the labels, on average, in pixels: SVG does not tell how wide text is.
CHARACTER = 6.7
SERIES = 8

# Okabe and Ito's colours, told apart by people who see few; brighter ones on dark ground.
_LIGHT = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7"),
    *("#8a6d00", "#5b5bd6", "#444444", "#a01c48"),
)
_DARK = (
    *("#56b4e9", "#ff8f4c", "#3ddbb0", "#f0a6cb"),
    *("#f0e442", "#a3a3ff", "#bbbbbb", "#ff7fa8"),
)


def _colours(colours: Sequence[str]) -> str:
    return "".join(
        f".f{index}{{fill:{colour}}}.l{index}{{stroke:{colour}}}"
        for index, colour in enumerate(colours)
    )


# The ground is drawn too: a page may be dark where the system is light.
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2328}"
    ".ground{fill:#ffffff}.grid{stroke:#d8dee4;stroke-width:1}"
    ".axis{stroke:#59636e;stroke-width:1}.error{stroke:#1f2328;stroke-width:1.4;fill:none}"
    ".line{fill:none;stroke-width:2}.band{opacity:.35}.faint{opacity:.55}.reference{stroke:#59636e;"
    "stroke-dasharray:4 3}.small{font-size:11px}.name{font-weight:600}"
    # Numbers keep the lines behind them off.
    ".number{paint-order:stroke;stroke:#ffffff;stroke-width:4px;stroke-linejoin:round}"
    + _colours(_LIGHT)
    + "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117}"
    ".number{stroke:#0d1117}.grid{stroke:#30363d}.axis{stroke:#9198a1}.error{stroke:#e6edf3}.reference{stroke:#9198a1}"
    + _colours(_DARK)
    + "}"
)


def number(value: float) -> str:
    """A coordinate, short."""
    return f"{value:.1f}".removesuffix(".0")


class Drawing:
    """A drawing of some width and height, in pixels; y grows downwards."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height = width, height
        self._title = title
        self._parts: list[str] = []

    def text(
        self, x: float, y: float, content: str, *, anchor: str = "start", kind: str = ""
    ) -> None:
        """Text whose baseline is at y; `anchor` is start, middle or end."""
        anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
        named = f' class="{kind}"' if kind else ""
        self._parts.append(
            f'<text x="{number(x)}" y="{number(y)}"{anchored}{named}>{escape(content)}</text>'
        )

    def upright(self, x: float, y: float, content: str) -> None:
        """Text that reads upwards, centred on (x, y)."""
        self._parts.append(
            f'<text transform="translate({number(x)} {number(y)}) rotate(-90)" '
            f'text-anchor="middle">{escape(content)}</text>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """A straight line."""
        ends = (("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2))
        where = " ".join(f'{name}="{number(value)}"' for name, value in ends)
        self._parts.append(f'<line {where} class="{kind}"/>')

    def rectangle(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        """A filled rectangle."""
        sizes = (("x", x), ("y", y), ("width", width), ("height", height))
        where = " ".join(f'{name}="{number(value)}"' for name, value in sizes)
        self._parts.append(f'<rect {where} class="{kind}"/>')

    def path(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """A line through points."""
        steps = "L".join(f"{number(x)} {number(y)}" for x, y in points)
        self._parts.append(f'<path d="M{steps}" class="{kind}"/>')

    def marker(self, x: float, y: float, series: int) -> None:
        """A point, of a shape that goes with its colour."""
        size = 3.6
        shapes = (
            [(-size, -size), (size, -size), (size, size), (-size, size)],
            [(0, -1.4 * size), (1.4 * size, 0), (0, 1.4 * size), (-1.4 * size, 0)],
            [(0, -1.2 * size), (1.2 * size, size), (-1.2 * size, size)],
            [(0, 1.2 * size), (1.2 * size, -size), (-1.2 * size, -size)],
        )
        kind = f"f{series % SERIES}"
        if series % (len(shapes) + 1) == 0:
            self._parts.append(
                f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(size)}" class="{kind}"/>'
            )
            return
        points = " ".join(
            f"{number(x + dx)},{number(y + dy)}"
            for dx, dy in shapes[series % (len(shapes) + 1) - 1]
        )
        self._parts.append(f'<polygon points="{points}" class="{kind}"/>')

    def dumps(self) -> str:
        """The whole file."""
        width, height = number(self.width), number(self.height)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">\n<title>{escape(self._title)}</title>\n'
            f"<style>{_STYLE}</style>\n"
            f'<rect width="{width}" height="{height}" rx="6" class="ground"/>\n'
        )
        return head + "\n".join(self._parts) + "\n</svg>\n"
