"""Text wrapped to a true width: letters are measured in the font that prints them."""

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

MM_PER_PT = 25.4 / 72


def width_mm(text: str, size_pt: float, **font: str) -> float:
    """Return the printed width [mm] of one line of verbatim text; `font` as in FontProperties, by default the style's."""
    prop = FontProperties(size=size_pt, **font)
    return TextToPath().get_text_width_height_descent(text, prop, ismath=False)[0] * MM_PER_PT


def wrap(text: str, limit_mm: float, size_pt: float, indent: str = "", **font: str) -> list[str]:
    """Break text at blanks into lines of at most `limit_mm`; later ones start with `indent`. A longer word is cut.

    Blank text gives no line.
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line.strip() else line + word
        if width_mm(longer, size_pt, **font) <= limit_mm:
            line = longer
            continue
        if line.strip():
            lines.append(line)
        line = indent + word if lines else word
        while width_mm(line, size_pt, **font) > limit_mm:
            n = _letters_that_fit(line, limit_mm, size_pt, **font)
            lines.append(line[:n])
            line = indent + line[n:]
    return [*lines, line] if line.strip() else lines


def _letters_that_fit(line: str, limit_mm: float, size_pt: float, **font: str) -> int:
    least = len(line) - len(line.lstrip()) + 1  # one letter a line at least, or the cutting would not end
    low, high = least, len(line)
    while low < high:
        middle = (low + high + 1) // 2
        if width_mm(line[:middle], size_pt, **font) <= limit_mm:
            low = middle
        else:
            high = middle - 1
    return low
