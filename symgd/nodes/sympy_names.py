"""What every symbol of a SymPy formula is, the index or the length of an axis, a data column, an array or a number, and its name in nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from unicodedata import normalize

import sympy as sp

from symgd.errors import InputError, LimitError
from symgd.nodes.formula import Formula
from symgd.nodes.node import index, length, postorder
from symgd.nodes.sympy_forms import Reduction, Sample, Softmax, length_symbol

NAME_LETTERS = 200
HIDDEN = sp.Dummy("hidden sample axis")
HIDDEN_LETTERS = ("i", "s", "n", "t_")
HIDDEN_LENGTHS = ("m", "N")

Limit = tuple[Any, Any, Any]
Definition = tuple[Any, Any]


def length_key(name: str) -> str:
    """Under this name Formula.symbols keeps the user's own symbol of a length; `m` alone may be a parameter beside it."""
    return f"length {name}"


def is_length(symbol: Any) -> bool:
    """Whether it is the symbol that means a length wherever it stands.

    >>> is_length(sp.Symbol("m")), is_length(length_symbol("m"))
    (False, True)
    """
    return bool(symbol == length_symbol(symbol.name))


def shown(thing: Any) -> str:
    """A name or a formula for a message: one short line."""
    text = thing if isinstance(thing, str) else thing.name if isinstance(thing, sp.Symbol) else _printed(thing)
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:61])
    return f"{text[:57]}..." if len(text) > 60 else text or "(a name without letters)"


def _printed(thing: Any) -> str:
    """The formula where it is small, else what it is: printing a large one could take forever."""
    kind = type(thing).__name__
    if not isinstance(thing, sp.Basic):
        return kind
    count, stack = 0, [thing]
    while stack and count <= 50:
        count += 1
        stack.extend(stack.pop().args)
    return str(thing) if count <= 50 else kind


def free(name: str, used: Iterable[str]) -> str:
    """The name, or name_1, name_2, ...: the first that is not in use."""
    taken, count, found = set(used), 0, name
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    return found


def indexed_name(part: Any) -> str:
    """The name of the array in x[i]."""
    label = part.base.label if isinstance(part.base, sp.IndexedBase) else None
    if not isinstance(label, sp.Symbol):
        raise InputError(f"{shown(part.base)} has an index and is no IndexedBase.", accepted='an array: x = IndexedBase("x")')
    return str(label.name)


class Names:
    """Settles the symbols of a formula, given its subexpressions in an order in which parts come first, and the limits of its reductions.

    `indices`, `lengths`, `columns` (on the hidden axis), `names` and `letters` say what each symbol is and is called; `free[id(part)]` is what
    stands free in a part: index objects, HIDDEN, and scalars that a definition may put on the hidden axis. `symbols`: as in Formula.
    """

    def __init__(
        self,
        parts: Mapping[int, Any],
        inner: Mapping[int, tuple[Any, ...]],
        limits: Mapping[int, tuple[Limit, ...]],
        where: list[Definition],
        known: Formula,
    ) -> None:
        self._parts, self._inner, self._limits = parts, inner, limits
        self._where, self._known = where, known
        self._known_as = {thing: name for name, thing in known.symbols.items() if name != length_key(getattr(thing, "name", ""))}
        everything = list(parts.values())
        self._symbols = [part for part in everything if isinstance(part, sp.Symbol)]
        self._accesses = [part for part in everything if isinstance(part, sp.Indexed)]
        self._ranged = [part for part in everything if isinstance(part, sp.Idx)]
        self._bound = dict.fromkeys(variable for found in limits.values() for variable, _, _ in found)
        self._roles()
        self._naming()
        self._freedom()
        self._lettering()
        self._hidden_axis()

    # roles

    def _roles(self) -> None:
        """An index is an Idx, a bound symbol, or a symbol in a subscript; a length is a symbol in a bound or a range."""
        bounds = [end for found in self._limits.values() for _, low, high in found for end in (low, high)]
        bounds += [end for index_ in self._ranged for end in self._inner[id(index_)]]
        in_bounds = self._inside(bounds) - self._bound.keys()
        letters: set[Any] = set()
        for left, body in self._where:
            for symbol in self._inside(left.indices) if isinstance(left, sp.Indexed) else ():
                # z[i] = sum of x[j] over j < i, but V[T] = 0 with a sum over t < T
                if symbol not in in_bounds or (not is_length(symbol) and symbol in self._inside([body], subscripts=True)):
                    letters.add(symbol)
        self.lengths = in_bounds - letters
        for symbol in self._inside(at for part in self._accesses for at in part.indices) - self.lengths - letters - self._bound.keys():
            (self.lengths if is_length(symbol) else letters).add(symbol)
        self.indices: dict[Any, None] = dict.fromkeys([*self._ranged, *self._bound, *sorted(letters, key=lambda symbol: str(symbol.name))])

    def _inside(self, roots: Iterable[Any], subscripts: bool = False) -> set[Any]:
        """The symbols in these expressions, outside subscripts unless asked for."""
        found: set[Any] = set()
        seen: set[int] = set()
        stack = list(roots)
        while stack:
            part = stack.pop()
            if id(part) in seen:
                continue
            seen.add(id(part))
            if isinstance(part, sp.Symbol):
                found.add(part)
            elif subscripts or not isinstance(part, (sp.Indexed, sp.Idx)):
                stack.extend(self._inner[id(part)])
        return found

    # names

    def _naming(self) -> None:
        """One name for one object. Only a length shares one with a number or an array: sg.axes("i:m k:h") beside a slope m and a state h[t, k]."""
        known_parts = postorder(self._known.expression, *(side for pair in self._known.definitions for side in pair))
        known_names = {part.value for part in known_parts if part.op == "access"}
        known_lengths = {part.value for part in known_parts if part.op == "length"}
        measured = {symbol.name for symbol in self.lengths} | known_lengths
        for symbol in self._symbols:
            if symbol.name in measured and (is_length(symbol) or symbol.name in known_lengths - known_names) and symbol not in self.indices:
                self.lengths.add(symbol)
        arrays = {part.base: indexed_name(part) for part in self._accesses}
        scalars = {symbol: symbol.name for symbol in self._symbols if symbol not in self.indices and symbol not in self.lengths}
        self.names: dict[Any, str] = {}
        self.symbols: dict[str, Any] = {}
        self.taken = set(known_names)
        for thing, name in sorted({**scalars, **arrays}.items(), key=lambda item: (isinstance(item[0], sp.Dummy), item[1], type(item[0]).__name__)):
            _check_name(name)
            if isinstance(thing, sp.Dummy):
                name = self._known_as.get(thing) or free(name, self.taken)
            if name in measured and isinstance(thing, Sample):
                raise InputError(f"Name clash: {shown(name)} is {_kind(thing)} and the length of an axis.", accepted="another name for one of them")
            self._claim(name, thing)
            self.names[thing] = name
        self.taken |= {symbol.name for symbol in self.lengths} | known_lengths
        for symbol in self.lengths:
            _check_name(symbol.name)
            if not is_length(symbol):
                if symbol.name in self.symbols and not isinstance(self.symbols[symbol.name], sp.IndexedBase):
                    raise _clash(symbol.name, symbol, self.symbols[symbol.name])
                self.symbols[length_key(symbol.name)] = symbol
        _refuse_look_alikes(self.taken)

    def _claim(self, name: str, thing: Any) -> None:
        other = self.symbols.get(name, self._known.symbols.get(name, thing))
        if other is not thing and other != thing:
            raise _clash(name, thing, other)
        if thing.is_commutative is False or thing.is_real is False:
            raise InputError(f"{shown(name)} is declared to be no real number.", accepted="real symbols")
        self.symbols[name] = thing
        self.taken.add(name)

    # scopes

    def _freedom(self) -> None:
        defined = {left.base if isinstance(left, sp.Indexed) else left for left, _ in self._where}
        hidden = self._known.hidden
        on_samples = set(self._known.samples)
        on_samples |= {target.value for target, _ in self._known.definitions if hidden and target.args[:1] == (index(hidden),)}
        self.free: dict[int, frozenset[Any]] = {}
        self.columns: dict[Any, None] = {}
        for key, part in self._parts.items():
            below = {self.free[id(inner)] for inner in self._inner[key]}
            found: frozenset[Any] = below.pop() if len(below) == 1 else frozenset().union(*below)
            if isinstance(part, (sp.Symbol, sp.Idx)) and part in self.indices:
                found = frozenset({part})
            elif isinstance(part, (sp.Symbol, sp.Indexed)):
                thing = part.base if isinstance(part, sp.Indexed) else part
                if (thing.axis is None) if isinstance(thing, Sample) else self.names.get(thing) in on_samples:
                    self.columns[thing] = None
                    found = found | {HIDDEN}
                elif thing in defined:
                    found = found | {thing}
            elif isinstance(part, (sp.Sum, sp.Product, Reduction)):
                found = self._after(part)
            self.free[key] = found
        self._follow_columns()

    def _after(self, reduction: Any) -> frozenset[Any]:
        """What stays free in a reduction."""
        limits = self._limits[id(reduction)]
        found = self.free[id(reduction.function)]
        if not limits and not isinstance(reduction, Softmax):
            return frozenset(item for item in found if item in self.indices)
        for variable, low, high in limits:
            found = (found if isinstance(reduction, Softmax) else found - {variable}) | self.free[id(low)] | self.free[id(high)]
        return found

    def _follow_columns(self) -> None:
        """What is defined by a column has a value for each sample too: with `z: w*x + b`, z is a column."""
        self.derived: set[Any] = set()
        growing = True
        while growing:
            growing = False
            for left, body in self._where:
                thing = left.base if isinstance(left, sp.Indexed) else left
                if thing not in self.derived and self.on_hidden(body):
                    self.derived.add(thing)
                    growing = True

    def on_hidden(self, part: Any) -> bool:
        """Whether the part has a value for each sample."""
        return HIDDEN in self.free[id(part)] or not self.derived.isdisjoint(self.free[id(part)])

    # letters

    def _lettering(self) -> None:
        """A letter for every index. Two indices of one name keep it, unless one stands free inside the sum over the other."""
        clashing = self._entangled()
        self.letters: dict[Any, str] = {}
        used = self.taken | {item.name for item in self.indices}
        for item in sorted(self.indices, key=lambda item: (isinstance(item, sp.Dummy), item.name, type(item).__name__)):
            name = _check_name(item.name)
            if self._known_as.get(item, name) != name:
                name = self._known_as[item]
            elif isinstance(item, sp.Dummy) or item in clashing:
                name = free(name, used)
                used.add(name)
            elif name in self.taken:
                role = "a number" if name in self.symbols else "the length of an axis"
                raise InputError(f"Name clash: {shown(name)} is an index and {role}.", accepted="another letter for the index")
            self.letters[item] = name
            self.symbols.setdefault(name, item)
        _refuse_look_alikes(used)
        self.taken = used

    def _entangled(self) -> set[Any]:
        """The bound indices that need another letter. Refuses two indices of one name of which only one runs: the other was meant to be it."""
        running = set(self._bound).union(*(self.free[id(left)] for left, _ in self._where))
        found: set[Any] = set()
        for left, body in self._where:
            mine = {item.name: item for item in self.free[id(left)] if item in self.indices}
            for item in self.free[id(body)]:
                if item in self.indices and mine.get(item.name, item) != item:
                    raise _clash(item.name, item, mine[item.name])
        for key, limits in self._limits.items():
            inside = self.free[id(self._parts[key].function)]
            for variable, _, _ in limits:
                for item in inside:
                    if item is HIDDEN or item in self.derived:
                        if variable.name == self._known.hidden:
                            found.add(variable)
                    elif item in self.indices and item != variable and item.name == variable.name:
                        if item not in running:
                            raise _clash(item.name, item, variable)
                        found.add(variable)
        return found

    def _hidden_axis(self) -> None:
        """The letter and the length of the sample axis that the user does not see."""
        self.hidden = self._known.hidden or next((x for x in HIDDEN_LETTERS if x not in self.taken), free(HIDDEN_LETTERS[-1], self.taken))
        known = self._known.axes.get(self.hidden)
        fresh = next((x for x in HIDDEN_LENGTHS if x not in self.taken), free(HIDDEN_LENGTHS[-1], self.taken))
        self.hidden_length = known if self._known.hidden and known is not None else length(fresh)


def _clash(name: str, one: Any, other: Any) -> InputError:
    kinds = {_kind(one), _kind(other)}
    if len(kinds) == 2 and kinds != {"an index", "a number"}:
        return InputError(f"Name clash: {shown(name)} is {' and '.join(sorted(kinds))}.", accepted="one symbol for a name")
    return InputError(
        f"Name clash: two different symbols are named {shown(name)}; SymPy would take one for a constant when it differentiates by the other.",
        accepted="one symbol for a name, with the same assumptions and range everywhere",
    )


def _kind(thing: Any) -> str:
    kinds = ((Sample, "a data column"), (sp.IndexedBase, "an array"), (sp.Idx, "an index"), (sp.Symbol, "a number"))
    return next((kind for cls, kind in kinds if isinstance(thing, cls)), "something else")


def _check_name(name: str) -> str:
    if len(name) > NAME_LETTERS:
        raise LimitError(f"A name has {len(name):,} letters: {shown(name)}.", accepted=f"at most {NAME_LETTERS}")
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in name):
        raise InputError(f"The name {shown(name)} is no valid Unicode text.", accepted="names that can be printed")
    return name


def _refuse_look_alikes(names: Iterable[str]) -> None:
    """Two names that Unicode calls compatible, such as the micro sign and the Greek letter mu, look the same on every page."""
    seen: dict[str, str] = {}
    for name in sorted(names):
        other = seen.setdefault(normalize("NFKC", name), name)
        if other != name:
            raise InputError(
                f"Name clash: {shown(other)} and {shown(name)} look the same but are different names ({_points(other)} and {_points(name)}).",
                accepted="names that can be told apart",
            )


def _points(name: str) -> str:
    return " ".join(f"U+{ord(letter):04X}" for letter in name[:8])

