"""One row of the table: a figure of ours, what it is beside, and the bound that it is held against."""

from dataclasses import dataclass


@dataclass
class Row:
    """A finished row, in words but for the numbers that the picture draws."""

    what: str
    ours: str
    peer: str = ""
    ratio: float | None = None  # the median of the paired ratios, or of what was counted
    of_minima: float | None = None
    bound: str = ""
    ceiling: float | None = None  # of the ratio, where the bound is one
    kept: bool | None = None  # `None` where there is no bound
    runs: int = 1

    def cells(self):
        ratios = ["" if ratio is None else f"{ratio:.2f}" for ratio in (self.ratio, self.of_minima)]
        verdict = {None: "", True: "kept", False: "**missed**"}[self.kept]
        return [self.what, self.ours, self.peer, *ratios, self.bound, verdict, str(self.runs)]

    def line(self):
        return " | ".join(self.cells())


def compared(what, mine, peer, yours, ceiling):
    """A row of two `Times`, measured in turn; `ceiling` is `None` where the ratio is only told."""
    ratio, of_minima = mine.beside(yours)
    bound, kept = ("", None) if ceiling is None else (f"≤ {ceiling:g}", ratio <= ceiling)
    times = f"{peer}: {duration(yours.median)}"
    return Row(what, duration(mine.median), times, ratio, of_minima, bound, ceiling, kept, len(mine.seconds))


def counted(what, mine, unit, at_most, peer, yours, runs=1):
    """A row of a number that is held against a number; `at_most` is `None` where it is only told."""
    bound, kept = ("", None) if at_most is None else (f"≤ {amount(at_most, unit)}", mine <= at_most)
    beside = f"{peer}: {amount(yours, unit)}"
    return Row(what, amount(mine, unit), beside, bound=bound, kept=kept, runs=runs)


def duration(seconds):
    if seconds < 0.1:
        return f"{seconds * 1000:.2f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def amount(number, unit):
    written = f"{number:,.1f}".removesuffix(".0") if isinstance(number, float) else f"{number:,}"
    return f"{written} {unit}".strip()
