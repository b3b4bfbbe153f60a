"""Generated source is read once more before it runs: only what our templates write passes.

The list says what is allowed, nothing says what is forbidden: imports, kinds of statements, names, attributes and calls that no template needs are
refused, whatever a name in a formula may have tried. Nothing here runs anything.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, replace

from symgd.errors import InputError

__all__ = ["CALLABLE", "KERNEL", "NUMPY", "TRAINER", "Allowed", "GuardError", "check_module"]


class GuardError(InputError):
    """Generated source contains what no template writes. A fault of symgd, never of the user's formula."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What one kind of generated module may contain.

    `imports`: module -> the attributes that may be used of it, of submodules as `core.types`. `methods`: attributes of arrays and other values.
    `names`: defined from outside. `nodes`: kinds of syntax.
    """

    imports: dict[str, frozenset[str]]
    builtins: frozenset[str]
    methods: frozenset[str]
    nodes: frozenset[str]
    names: frozenset[str] = frozenset()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NUMPY = _words(
    """
    abs add all any arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh argsort array asarray ascontiguousarray bool_ broadcast_to cbrt
    ceil clip copysign cos cosh cumsum divide dot e einsum empty empty_like exp exp2 expm1 float32 float64 floor full full_like heaviside hypot
    inf int32 int64 isfinite isinf isnan log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or max maximum mean min
    minimum mod multiply nan ndarray newaxis nonzero ones outer pi power prod repeat reciprocal reshape sign sin sinh sort sqrt square squeeze
    subtract sum tan tanh transpose uint64 where zeros zeros_like
    """
)
_MATH = _words("erf erfc exp expm1 fabs floor gamma inf isfinite isinf isnan lgamma log log1p log2 nan pi sqrt")
_SPECIAL = _words("digamma erf erfc expit gamma gammaln polygamma spherical_jn xlogy")
_METHODS = _words("T astype at copy dtype fill max min ndim ravel reshape shape size sum transpose view")
_NODES = _words(
    """
    Module Expr Constant Name Load Store arguments arg keyword FunctionDef Return Assign AugAssign AnnAssign Import ImportFrom alias Tuple List
    Set Dict Attribute Subscript Slice Call BinOp UnaryOp BoolOp Compare IfExp If For While Break Continue Pass Starred Add Sub Mult Div
    FloorDiv Mod Pow BitAnd BitOr BitXor LShift RShift Invert USub UAdd Not And Or Eq NotEq Lt LtE Gt GtE Is IsNot
    """
)

KERNEL = Allowed(
    imports={"math": _MATH, "numpy": _NUMPY, "numba": _words("njit prange float32 float64 int32 int64 uint64 types")},
    builtins=_words("abs bool enumerate float int len max min range round tuple zip"),
    methods=_METHODS,
    nodes=_NODES,
)
CALLABLE = replace(KERNEL, builtins=KERNEL.builtins | {"ValueError"}, nodes=KERNEL.nodes | {"Raise"})
NUMPY = replace(KERNEL, imports={"math": _MATH, "numpy": _NUMPY, "scipy.special": _SPECIAL})
TRAINER = Allowed(
    imports={
        **KERNEL.imports,
        "numpy": _NUMPY | _words("errstate iinfo issubdtype load savez uint32"),
        "argparse": frozenset({"ArgumentParser"}),
        "sys": frozenset({"exit", "stderr"}),
        "time": frozenset({"monotonic", "perf_counter"}),
    },
    builtins=KERNEL.builtins
    | _words("KeyError KeyboardInterrupt SystemExit TypeError ValueError dict isinstance list print repr set sorted str sum"),
    methods=_METHODS
    | _words(
        """
        add_argument append endswith extend files format get integers items join keys kind lower normal parse_args pop setdefault
        startswith strip update values
        """
    ),
    nodes=_NODES
    | _words("Raise Try ExceptHandler With withitem JoinedStr FormattedValue ListComp DictComp GeneratorExp comprehension In NotIn Assert"),
    names=frozenset({"__name__"}),
)


def check_module(source: str, allowed: Allowed = KERNEL) -> ast.Module:
    """The module's tree, if everything in it is allowed.

    >>> check_module("import numpy as np\\ndef f(x):\\n    return np.exp(x).sum()").body[1].name
    'f'
    >>> check_module("import os")
    Traceback (most recent call last):
    ...
    symgd.compiling.guard.GuardError: Generated source, line 1: import of os is not allowed. Accepted: math, numba, numpy.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise GuardError(f"Generated source is no Python module: {error}.") from None
    return _Walk(tree, allowed).checked()


class _Walk:
    """One pass for what is defined, one for what is used."""

    def __init__(self, tree: ast.Module, allowed: Allowed) -> None:
        self.tree, self.allowed = tree, allowed
        self.modules: dict[str, str] = {}  # name -> what is imported under it
        self.functions: set[str] = set(allowed.names)
        self.values: set[str] = set()

    def checked(self) -> ast.Module:
        nodes = list(ast.walk(self.tree))
        for part in nodes:
            if type(part).__name__ not in self.allowed.nodes:
                self._refuse(part, f"{type(part).__name__}", "what the templates write")
            self._define(part)
        twice = (self.functions & self.values) | (self.values | self.functions) & set(self.modules)
        if twice:
            self._refuse(self.tree, f"name {min(twice)} for two things", "one meaning a name")
        for part in nodes:
            if isinstance(part, ast.Name):
                self._name(part)
            elif isinstance(part, ast.Attribute):
                self._attribute(part)
            elif isinstance(part, ast.Call):
                self._call(part)
            elif isinstance(part, ast.FunctionDef):
                for decorator in part.decorator_list:
                    if self._path(decorator.func if isinstance(decorator, ast.Call) else decorator) != "numba.njit":
                        self._refuse(decorator, "this decorator", "njit")
        return self.tree

    def _define(self, part: ast.AST) -> None:
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            self._new(part, part.id, self.values)
        elif isinstance(part, ast.arg):
            self._new(part, part.arg, self.values)
        elif isinstance(part, ast.ExceptHandler) and part.name:
            self._new(part, part.name, self.values)
        elif isinstance(part, ast.FunctionDef):
            self._new(part, part.name, self.functions)
        elif isinstance(part, ast.keyword):
            if part.arg is None or "__" in part.arg:
                self._refuse(part, f"keyword {part.arg}", "plain keywords")
        elif isinstance(part, ast.Import):
            for name in part.names:
                self._import(part, name.name, name.asname or name.name)
        elif isinstance(part, ast.ImportFrom):
            for name in part.names:
                self._import_from(part, name)

    def _new(self, part: ast.AST, name: str, kind: set[str]) -> None:
        if "__" in name or not name.isascii():
            self._refuse(part, f"name {name}", "ASCII names without a double underscore")
        if hasattr(builtins, name):
            self._refuse(part, f"a second {name}", "names that Python does not know")
        kind.add(name)

    def _import(self, part: ast.AST, module: str, name: str) -> None:
        if module not in self.allowed.imports or "." in name:
            self._refuse(part, f"import of {module}", ", ".join(sorted(self.allowed.imports)))
        self._new(part, name, set())
        self.modules[name] = module

    def _import_from(self, part: ast.ImportFrom, name: ast.alias) -> None:
        module, bound = part.module or "", name.asname or name.name
        if part.level == 0 and f"{module}.{name.name}" in self.allowed.imports:
            self._import(part, f"{module}.{name.name}", bound)
        elif part.level or name.name not in self.allowed.imports.get(module, ()):
            self._refuse(part, f"import of {name.name} from {module}", ", ".join(sorted(self.allowed.imports)))
        else:
            self._new(part, bound, set())
            self.modules[bound] = f"{module}.{name.name}"

    def _name(self, part: ast.Name) -> None:
        name = part.id
        if name in self.allowed.names or name in self.values or name in self.functions or name in self.modules:
            return
        if name not in self.allowed.builtins:
            self._refuse(part, f"name {name}", "names of the module")

    def _attribute(self, part: ast.Attribute) -> None:
        fit = self.allowed.imports.get(self._path(part.value) or "", self.allowed.methods)
        if part.attr not in fit or isinstance(part.ctx, ast.Store):
            self._refuse(part, f"attribute {part.attr}", "attributes that the templates use")

    def _call(self, part: ast.Call) -> None:
        called = part.func
        if isinstance(called, ast.Attribute):
            return  # checked as an attribute
        known = isinstance(called, ast.Name) and (called.id in self.functions or called.id in self.modules or called.id in self.allowed.builtins)
        if not known:
            self._refuse(part, f"a call of {ast.unparse(called)[:40]}", "functions of the module, of NumPy and math")

    def _path(self, part: ast.AST) -> str | None:
        """`numpy.add` for `np.add`; None for what is no part of a module."""
        if isinstance(part, ast.Name):
            return self.modules.get(part.id)
        if isinstance(part, ast.Attribute):
            root = self._path(part.value)
            return f"{root}.{part.attr}" if root is not None else None
        return None

    def _refuse(self, part: ast.AST, what: str, accepted: str) -> None:
        raise GuardError(f"Generated source, line {getattr(part, 'lineno', 0)}: {what} is not allowed.", accepted=accepted)
