"""What a client asks for beneath a field, so that what it does not ask for need not be read."""

from __future__ import annotations

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from graph.context import Info


def names_beneath(info: Info) -> frozenset[str]:
    """The name of every field that is selected beneath the field of a resolver, however deep, and of some others.

    What a directive leaves out is among them: who reads too much by it is right still.
    """
    asked = info._raw_info
    names, spread = set[str](), set[str]()
    waiting = [node.selection_set for node in asked.field_nodes]
    while waiting:
        selected: SelectionSetNode | None = waiting.pop()
        for node in selected.selections if selected else ():
            match node:
                case FieldNode():
                    names.add(node.name.value)
                    waiting.append(node.selection_set)
                case InlineFragmentNode():
                    waiting.append(node.selection_set)
                case FragmentSpreadNode() if node.name.value not in spread:
                    spread.add(node.name.value)
                    waiting.append(asked.fragments[node.name.value].selection_set)
    return frozenset(names)
