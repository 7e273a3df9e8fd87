"""Mutants: every small change that cosmic-ray's operators, and two more, make to a module.

Cosmic-ray replaces numbers, comparisons, arithmetic, conditions and constants;
it does not touch `+=` and leaves every statement in place, so two operators of
its own kind are added here. The set is one boundary and one opposite for each
operator: all the other pairs only repeat what these show.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import parso
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator

NAMES = (
    "NumberReplacer",
    "AddNot",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ZeroIterationForLoop",
    "ReplaceComparisonOperator_Lt_LtE",
    "ReplaceComparisonOperator_Lt_GtE",
    "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceComparisonOperator_LtE_Gt",
    "ReplaceComparisonOperator_Gt_GtE",
    "ReplaceComparisonOperator_Gt_LtE",
    "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceComparisonOperator_GtE_Lt",
    "ReplaceComparisonOperator_Eq_NotEq",
    "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceBinaryOperator_Add_Sub",
    "ReplaceBinaryOperator_Sub_Add",
    "ReplaceBinaryOperator_Mul_FloorDiv",
    "ReplaceBinaryOperator_FloorDiv_Mul",
    "ReplaceBinaryOperator_Mod_FloorDiv",
    "ReplaceBinaryOperator_RShift_LShift",
    "ReplaceBinaryOperator_LShift_RShift",
    "ReplaceBinaryOperator_BitOr_BitAnd",
    "ReplaceBinaryOperator_BitAnd_BitOr",
    "ReplaceBinaryOperator_BitXor_BitOr",
    "ReplaceUnaryOperator_Delete_USub",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_Invert",
)


SWAPS = {"+=": "-=", "-=": "+=", "|=": "&=", "&=": "|=", "<<=": ">>=", ">>=": "<<="}


class SwapAugmented(Operator):
    """`+=` becomes `-=`, `|=` becomes `&=`, a shift goes the other way; and back."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[object, object]]:
        if node.type == "operator" and node.value in SWAPS:
            yield (node.start_pos, node.end_pos)

    def mutate(self, node: Any, index: int) -> Any:
        node.value = SWAPS[node.value]
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


class RemoveStatement(Operator):
    """An assignment or a call inside a function becomes `pass`."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[object, object]]:
        if (
            node.type in ("expr_stmt", "atom_expr", "power")
            and node.parent.type == "simple_stmt"
            and parso.python.tree.search_ancestor(node, "funcdef") is not None
        ):
            yield (node.start_pos, node.end_pos)

    def mutate(self, node: Any, index: int) -> Any:
        leaf = node.get_first_leaf()
        return parso.python.tree.Name("pass", leaf.start_pos, prefix=leaf.prefix)

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


@dataclass(frozen=True)
class Mutant:
    """One changed module; place, was and becomes name it, wherever its lines move to."""

    module: str
    place: str  # the function it is in, "" outside of any
    was: str
    becomes: str
    line: int
    source: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What an entry of survivors.toml names."""
        return (self.module, self.place, self.was, self.becomes)


def mutants(module: str, source: str) -> list[Mutant]:
    """Return every mutant of the source of a module that still compiles, in its order."""
    operators = [get_operator(f"core/{name}")() for name in NAMES]
    operators += [SwapAugmented(), RemoveStatement()]
    found: list[Mutant] = []

    def walk(node: Any, place: str) -> None:
        if node.type == "funcdef":
            place = node.name.value
        for operator in operators:
            for index, _ in enumerate(list(operator.mutation_positions(node))):
                mutated = _spliced(source, node, operator, index)
                if _compiles(mutated):
                    found.append(_described(module, place, source, mutated))
        for child in getattr(node, "children", ()):
            walk(child, place)

    walk(parso.parse(source), "")
    return found


def _spliced(source: str, node: Any, operator: Operator, index: int) -> str:
    """Return the source with one node mutated; the node itself is left as it was."""
    start = _offset(source, node.start_pos)
    end = _offset(source, node.end_pos)
    parts = [node, *getattr(node, "children", ())]
    before = [
        (getattr(part, "value", None), list(getattr(part, "children", ()))) for part in parts
    ]
    code = operator.mutate(node, index).get_code(include_prefix=False).lstrip(" ")
    for part, (value, children) in zip(parts, before, strict=True):
        if value is not None:
            part.value = value
        if children:
            part.children = children
    return source[:start] + code + source[end:]


def _offset(source: str, position: tuple[int, int]) -> int:
    line, column = position
    offset = 0
    for _ in range(line - 1):
        offset = source.index("\n", offset) + 1
    return offset + column


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _described(module: str, place: str, source: str, mutated: str) -> Mutant:
    old = source.split("\n")
    new = mutated.split("\n")
    first = next(i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    same = 0  # lines at the end that are the same
    while same < min(len(old), len(new)) - first - 1 and old[-1 - same] == new[-1 - same]:
        same += 1
    was = old[first : len(old) - same]
    becomes = new[first : len(new) - same]
    return Mutant(module, place, _plain(was), _plain(becomes), first + 1, mutated)


def _plain(lines: list[str]) -> str:
    """Return lines as one, without their comments and with single spaces."""
    return re.sub(r" +", " ", " ".join(line.split("  # ")[0].strip() for line in lines))
