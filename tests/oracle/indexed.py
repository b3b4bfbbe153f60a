"""Hypothesis makes costs with indices: nested reductions over three axes, shifts, gathers, triangles and ragged rows, definitions, recurrences."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

LENGTHS = {"i": "m", "l": "m", "j": "d", "k": "h", "n": "h", "t": "T"}  # two letters each for samples and units
ARRAYS = {
    "x": ("m",), "y": ("m",), "X": ("m", "d"), "Z": ("d", "m"), "f": ("T",), "F": ("m", "T"), "u": ("m",), "v": ("h",), "w": ("d",), "W": ("h", "d"),
    "M": ("h", "h"),
}  # fmt: skip
PARAMETERS = ("u", "v", "w", "W", "M", "s")
INTEGERS = {"label": (("m",), "h"), "pick": (("h",), "h"), "ptr": (("d + 1",), "m")}  # shape, and what the values are below; ptr rises from 0 to m
FUNCTIONS = ("tanh", "exp", "sin", "sigmoid", "softplus", "abs")
REDUCTIONS = ("sum", "sum", "mean", "logsumexp", "max", "min", "product", "norm")
TIME = "time"  # the position of an array along which it steps

Places = tuple[str, ...]


@dataclass(frozen=True)
class Scope:
    """The letters that run here; `shifted`: those that stop one before the end. `steps`: what a recurrence may read of itself inside its step."""

    letters: tuple[str, ...]
    shifted: frozenset[str] = frozenset()
    steps: tuple[str, ...] = ()

    def with_letter(self, letter: str) -> Scope:
        return replace(self, letters=(*self.letters, letter))


@dataclass
class Made:
    """A cost in text with its definitions, and what is known of each: the length of every position; `times`: where it may be read along the steps."""

    cost: str = ""
    where: dict[str, str] = field(default_factory=dict)
    defined: dict[str, tuple[str, ...]] = field(default_factory=dict)
    times: dict[str, tuple[Places, Places]] = field(default_factory=dict)  # with t in scope, without


class Maker:
    """Formulas over the arrays and what is defined so far."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.made = Made()

    def of(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def places(self, length: str, scope: Scope) -> Places:
        """What may stand at a position of this length: a letter of the scope, some shifted by one, straight or around the end."""
        found = [letter for letter in scope.letters if LENGTHS[letter] == length]
        shifted = [f"{letter} + 1" for letter in found if letter in scope.shifted]
        return (*(found * 4), *(shifted * 4), *(f"mod({letter} + 1, {length})" for letter in found))

    def reads(self, name: str, scope: Scope) -> list[Places]:
        """For each position of an array what may stand there."""
        lengths = self.made.defined.get(name) or ARRAYS[name]
        with_t, without = self.made.times.get(name, ((), ()))
        return [(with_t if "t" in scope.letters else without) if length == TIME else self.places(length, scope) for length in lengths]

    def access(self, scope: Scope) -> str:
        known = [*ARRAYS, *list(self.made.defined) * 3]
        fitting = [name for name in known if all(self.reads(name, scope))]
        kinds = ["plain"] * 4 + ["scalar", "number"] + ["fixed"] * ("j" in scope.letters) + ["gather"] * ("i" in scope.letters)
        kind = self.of(*kinds, *(["step"] * 4 if scope.steps else []))
        if kind == "step":
            return self.of(*scope.steps)
        if kind == "number" or not fitting:
            return self.of("2", "0.5", "3")
        if kind == "scalar":
            return "s"
        if kind == "gather":
            return "v[label[i]]"
        if kind == "fixed":
            return "w[1]"
        name = self.of(*fitting)
        positions = self.reads(name, scope)
        return f"{name}[{', '.join(self.of(*places) for places in positions)}]" if positions else name

    def formula(self, scope: Scope, depth: int) -> str:
        if depth == 0:
            return self.access(scope)
        free = [letter for letter in ("i", "j", "k") if letter not in scope.letters]
        kinds = ["access", "sum", "product", "power", "function", "quotient", "difference", *(["reduce"] * 3 if free else [])]
        if "i" in scope.letters and "l" not in scope.letters:
            kinds += ["triangle"]
        if "j" in scope.letters and not {"i", "l"} & set(scope.letters):
            kinds += ["ragged"]
        if "i" in scope.letters and "j" not in scope.letters:
            kinds += ["shadow"]
        kind = self.of(*kinds)
        if kind == "access":
            return self.access(scope)
        if kind == "reduce":
            letter = self.of(*free)
            return f"{self.of(*REDUCTIONS)}({self.formula(scope.with_letter(letter), depth - 1)}, {letter})"
        if kind == "triangle":
            inside = self.formula(scope.with_letter("l"), depth - 1)
            return self.of(f"sum({inside}, l in i + 1:m)", f"{self.of('sum', 'max', 'product', 'logsumexp')}({inside}, l in 0:i + 1)")
        if kind == "ragged":
            return f"sum({self.formula(scope.with_letter('l'), depth - 1)}, l in ptr[j]:ptr[j + 1])"
        if kind == "shadow":
            return f"mean({self.formula(Scope(('i',)), depth - 1)}, i)"  # the same letter again, inside
        one = self.formula(scope, depth - 1)
        if kind == "power":
            return f"({one})^2"
        if kind == "function":
            return f"{self.of(*FUNCTIONS)}(({one})/2)"
        other = self.formula(scope, depth - 1)
        forms = {"sum": "({} + {})", "difference": "({} - {})", "product": "({})*({})", "quotient": "({})/(2 + ({})^2)"}
        return forms[kind].format(one, other)

    def definition(self, name: str, letters: Places) -> None:
        self.made.where[f"{name}[{', '.join(letters)}]"] = self.formula(Scope(letters), 2)
        self.made.defined[name] = tuple(LENGTHS[letter] for letter in letters)

    def recurrence(self, names: Places, letters: Places) -> None:
        """States over these letters, t among them, that step up or down: each reads itself and the others one step before."""
        before, now, start, times = self.draw(
            st.sampled_from(
                [
                    ("t", "t + 1", "0", (("t", "t + 1"), ("0", "T"))),
                    ("t - 1", "t", "0", (("t",), ("0", "T - 1"))),
                    ("t + 1", "t", "T", (("t", "t + 1"), ("0", "T"))),
                ]
            )
        )

        def at(name: str, step: str, unit: str = "k") -> str:
            return f"{name}[{', '.join({'t': step, 'k': unit}.get(letter, letter) for letter in letters)}]"

        inside = Scope(letters)
        for n, name in enumerate(names):
            reads = [at(other, before) for other in names] + [at(other, now) for other in names[:n]]
            if "k" in letters:
                reads += [f"sum(M[k, n]*{at(name, before, 'n')}, n)", f"max({at(name, before, 'n')}, n)", at(name, before, "pick[k]")]
            rest = tuple(letter for letter in letters if letter != "t")
            self.made.where[at(name, start)] = self.formula(Scope(rest), 1)
            step = self.formula(Scope(inside.letters, steps=tuple(reads)), 2)
            self.made.where[at(name, now)] = f"{self.of('tanh', 'sin')}({step} + {self.of(*reads)})"
        for name in names:
            self.made.defined[name] = tuple(TIME if letter == "t" else LENGTHS[letter] for letter in letters)
            self.made.times[name] = times


OUTER = {
    "mean({}, i)": Scope(("i",)),
    "sum({}, i)": Scope(("i",)),
    "sum({}, i, j)": Scope(("i", "j")),
    "sum({}, i in 0:m - 1)": Scope(("i",), frozenset("i")),
    "log(2 + mean(({})^2, i))": Scope(("i",)),
    "sum({}, i, l in i + 1:m)": Scope(("i", "l")),
}
STEPPED = {"sum({}, t)": Scope(("t",)), "mean({}, i, t)": Scope(("i", "t")), "sum({}, t, k)": Scope(("t", "k"))}


@st.composite
def costs(draw: st.DrawFn) -> Made:
    maker = Maker(draw)
    for name, letters in (("p", ("i",)), ("q", ("i", "k"))):
        if draw(st.booleans()):
            maker.definition(name, letters)
    stepped = draw(st.booleans())
    if stepped:
        names = draw(st.sampled_from([("a",), ("a", "b")]))
        maker.recurrence(names, draw(st.sampled_from([("t",), ("t", "k"), ("i", "t"), ("i", "t", "k")])))
    outer = maker.of(*OUTER)
    maker.made.cost = outer.format(maker.formula(OUTER[outer], 3))
    if stepped:
        along = maker.of(*STEPPED)
        maker.made.cost += " + " + along.format(f"({maker.formula(STEPPED[along], 1)})*{_state(maker, STEPPED[along])}")
    maker.made.cost += maker.of("", " + 0.1*sum(w[j]^2, j)", " + s^2*sum(u[i], i)")
    return maker.made


def _state(maker: Maker, scope: Scope) -> str:
    """The recurrence itself, summed over the letters that are not in the scope, so that every cost that has one reads it."""
    lengths = maker.made.defined["a"]
    letters = [{TIME: "t", "m": "i", "h": "k"}[length] for length in lengths]
    free = [letter for letter in letters if letter not in scope.letters]
    times = maker.made.times["a"][0]
    read = f"a[{', '.join(maker.of(*times) if letter == 't' else letter for letter in letters)}]"
    return f"sum({read}^2, {', '.join(free)})" if free else f"{read}^2"
