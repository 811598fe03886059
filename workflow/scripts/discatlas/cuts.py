"""Cuts: conditions on columns in a small safe grammar, compiled to polars expressions. Nothing is evaluated as code.

Grammar: column names and numbers; ``+ - * / **``; comparisons, also chained (``5 < R_kpc < 9``); ``and``, ``or``,
``not``; ``x in [1, 2]``; texts in quotes; the functions ``abs sqrt log10 exp sin_deg cos_deg minimum maximum bit
is_known is_missing starts_with``. A comparison with a missing value (or with 0/0, the root of a negative number) is
unknown, and a row for which a cut is unknown does not pass it.
"""

import ast
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import polars as pl

from discatlas.errors import DiscatlasError, nearest

CONSTANTS = {"true": True, "false": False, "pi": math.pi}
COMPARISONS = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def _known(value: pl.Expr) -> pl.Expr:
    """NaN sorts above every number in polars, so an undefined result would pass ``> x``: make it unknown."""
    return value.cast(pl.Float64).fill_nan(None)


FUNCTIONS: dict[str, tuple[int, Callable[..., pl.Expr]]] = {
    "abs": (1, lambda x: x.abs()),
    "sqrt": (1, lambda x: _known(x.cast(pl.Float64).sqrt())),
    "log10": (1, lambda x: _known(x.cast(pl.Float64).log10())),
    "exp": (1, lambda x: _known(x.cast(pl.Float64).exp())),
    "sin_deg": (1, lambda x: x.radians().sin()),
    "cos_deg": (1, lambda x: x.radians().cos()),
    "minimum": (2, lambda x, y: pl.when(x.is_null() | y.is_null()).then(None).otherwise(pl.min_horizontal(x, y))),
    "maximum": (2, lambda x, y: pl.when(x.is_null() | y.is_null()).then(None).otherwise(pl.max_horizontal(x, y))),
    "bit": (2, lambda x, n: (x.cast(pl.Int64) // 2 ** n.cast(pl.Int64)) % 2 == 1),
    "is_known": (1, lambda x: x.is_not_null()),
    "is_missing": (1, lambda x: x.is_null()),
    "starts_with": (2, lambda x, prefix: x.str.starts_with(prefix)),
}


@dataclass(frozen=True)
class CompiledCut:
    """A condition: its text, the polars expression (null where unknown) and the columns that it reads."""

    text: str
    expression: pl.Expr
    columns: tuple[str, ...]


def compile_cut(text: str, columns: Sequence[str]) -> CompiledCut:
    """Compile a condition on `columns`.

    Raises
    ------
    DiscatlasError
        If the text is not in the grammar, or names a column that is not there (with the nearest one).
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise DiscatlasError(f"cut {text!r}: cannot be read ({getattr(error, 'msg', error)})") from None
    used: list[str] = []
    expression = _compile(tree, text, columns, used)
    if not _is_condition(tree):
        raise DiscatlasError(f"cut {text!r}: is no condition; expected a comparison such as ruwe < 1.4")
    return CompiledCut(text, expression, tuple(dict.fromkeys(used)))


def _is_condition(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("bit", "is_known", "is_missing", "starts_with")
    if isinstance(node, ast.BoolOp):
        return all(_is_condition(value) for value in node.values)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Not) and _is_condition(node.operand)
    return isinstance(node, ast.Compare) or (isinstance(node, ast.Name) and node.id in ("true", "false"))


def _compile(node: ast.expr, text: str, columns: Sequence[str], used: list[str]) -> pl.Expr:
    def below(child: ast.expr) -> pl.Expr:
        return _compile(child, text, columns, used)

    match node:
        case ast.Name(id=name) if name in columns:
            used.append(name)
            return pl.col(name)
        case ast.Name(id=name) if name in CONSTANTS:
            return pl.lit(CONSTANTS[name])
        case ast.Name(id=name):
            raise DiscatlasError(f"cut {text!r}: no column {name!r}{nearest(name, [*columns, *CONSTANTS])}")
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return pl.lit(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -below(operand)
        case ast.UnaryOp(op=ast.Not(), operand=operand) if _is_condition(operand):
            return ~below(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            return _known(ARITHMETIC[type(op)](below(left).cast(pl.Float64), below(right).cast(pl.Float64)))
        case ast.BoolOp(op=op, values=values) if all(_is_condition(value) for value in values):
            return reduce(operator.and_ if isinstance(op, ast.And) else operator.or_, map(below, values))
        case ast.Compare():
            return _compile_comparison(node, text, below)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _compile_call(name, [below(argument) for argument in arguments], text)
    raise DiscatlasError(
        f"cut {text!r}: {ast.unparse(node)!r} is not allowed here; see the grammar in config/README.md"
    )


def _compile_comparison(node: ast.Compare, text: str, below: Callable[[ast.expr], pl.Expr]) -> pl.Expr:
    parts: list[pl.Expr] = []
    for left, op, right in zip([node.left, *node.comparators[:-1]], node.ops, node.comparators, strict=True):
        if isinstance(op, (ast.In, ast.NotIn)) and isinstance(right, (ast.List, ast.Tuple)):
            value = below(left)
            among = reduce(operator.or_, [value == below(item) for item in right.elts], pl.lit(value=False))
            among = pl.when(value.is_null()).then(None).otherwise(among)
            parts.append(among if isinstance(op, ast.In) else ~among)
        elif type(op) in COMPARISONS:
            parts.append(COMPARISONS[type(op)](below(left), below(right)))
        else:
            raise DiscatlasError(
                f"cut {text!r}: {ast.unparse(node)!r} is no comparison that is known; use < <= > >= == != or in [...]"
            )
    return reduce(operator.and_, parts)


def _compile_call(name: str, arguments: list[pl.Expr], text: str) -> pl.Expr:
    if name not in FUNCTIONS:
        raise DiscatlasError(
            f"cut {text!r}: no function {name!r}{nearest(name, FUNCTIONS)}; known: {', '.join(FUNCTIONS)}"
        )
    n_arguments, function = FUNCTIONS[name]
    if len(arguments) != n_arguments:
        raise DiscatlasError(f"cut {text!r}: {name} takes {n_arguments} arguments, got {len(arguments)}")
    return function(*arguments)
