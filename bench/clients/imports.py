"""The modules of the standard library that the client's modules import, and that importing it loads."""

import ast
import json
import sys

import sluice  # noqa: F401


def main() -> None:
    own = [module for name, module in sys.modules.items() if name.partition(".")[0] == "sluice"]
    named: set[str] = set()
    for module in own:
        with open(str(module.__file__), encoding="utf8") as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                named.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                named.add(node.module)
                named.update(f"{node.module}.{alias.name}" for alias in node.names)
    print(json.dumps(sorted(named & set(sys.modules))))


main()
