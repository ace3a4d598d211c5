"""Draws the imports inside each package, before and after the packages were divided into sub-packages.

`python docs/pictures/draw_packages.py` writes packages-before.svg (revision 1533a30) and packages-after.svg (the
working tree) beside this file. A node is a direct child of a package: a module or a sub-package. A line is an import
between two of them. Nodes stand above everything that they import; red lines are part of a circle.
"""

from __future__ import annotations

import ast
import io
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.sparse.csgraph import connected_components

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
BEFORE = "1533a30"
PACKAGES = ("keyboard_model", "federated", "tflite_export", "device_runtime", "api", "thumbprint", "benchmarks")
INK, LINE, CIRCLE = "#1d2733", "#8296ab", "#c62828"
MOST_LABELS = 18  # more names than this would cover each other


@dataclass(frozen=True)
class Graph:
    """The imports inside one package.

    Attributes:
        modules: number of Python files, without the empty `__init__.py`.
        nodes: the package's direct children.
        edges: (importing node, imported node), as positions in `nodes`.
        components: for each node, the number of its circle; a node in no circle has a number of its own.
    """

    modules: int
    nodes: list[str]
    edges: set[tuple[int, int]]
    components: list[int]

    @property
    def levels(self) -> list[int]:
        """For each node, the longest path of imports below it; the nodes of a circle share a level."""
        level = dict.fromkeys(self.components, 0)
        for _ in level:
            for upper, lower in self.edges:
                above, below = self.components[upper], self.components[lower]
                if above != below:
                    level[above] = max(level[above], level[below] + 1)
        return [level[component] for component in self.components]

    @property
    def circles(self) -> int:
        return sum(self.components.count(component) > 1 for component in set(self.components))


def sources_at(revision: str) -> dict[str, str]:
    """The Python files of a git revision: path -> text."""
    archive = subprocess.run(["git", "archive", revision, *PACKAGES], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        members = [member for member in tar if member.name.endswith(".py")]
        return {member.name: tar.extractfile(member).read().decode() for member in members}


def sources_here() -> dict[str, str]:
    """The Python files of the working tree: path -> text."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def imported(path: str, text: str) -> Iterator[str]:
    """Yields the dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def graph_of(package: str, sources: dict[str, str]) -> Graph:
    files = {path: text for path, text in sources.items() if PurePosixPath(path).parts[0] == package}
    children = {path: PurePosixPath(path).parts[1].removesuffix(".py") for path in files}
    nodes = sorted(set(children.values()) - {"__init__"})
    number = {name: position for position, name in enumerate(nodes)}
    edges = set()
    for path, child in children.items():
        for name in imported(path, files[path]):
            parts = name.split(".")
            if parts[0] == package and len(parts) > 1 and parts[1] in number and child in number:
                edges.add((number[child], number[parts[1]]))
    edges = {(upper, lower) for upper, lower in edges if upper != lower}
    matrix = np.zeros((len(nodes), len(nodes)), bool)
    for edge in edges:
        matrix[edge] = True
    _, components = connected_components(matrix, connection="strong")
    modules = sum(bool(text.strip()) for text in files.values())
    return Graph(modules, nodes, edges, components.tolist())


def draw(axes: Axes, package: str, graph: Graph) -> None:
    levels = graph.levels
    rows = {level: [node for node, of in enumerate(levels) if of == level] for level in set(levels)}
    at = {}
    for level, row in rows.items():
        for position, node in enumerate(row):
            at[node] = ((position + 1) / (len(row) + 1), level + (0.12 if position % 2 else -0.12) * (len(row) > 3))
    labelled = len(graph.nodes) <= MOST_LABELS
    for upper, lower in sorted(graph.edges):
        circle = graph.components[upper] == graph.components[lower]
        arrow = {"arrowstyle": "-|>" if labelled else "-", "color": CIRCLE if circle else LINE, "lw": 0.7}
        axes.annotate("", at[lower], at[upper], arrowprops={**arrow, "shrinkA": 7, "shrinkB": 7} if labelled else arrow)
    for node, (x, y) in at.items():
        if labelled:
            box = {"boxstyle": "round,pad=0.25", "fc": "white", "ec": INK, "lw": 0.7}
            axes.text(x, y, graph.nodes[node], ha="center", va="center", fontsize=6.5, color=INK, bbox=box)
        else:
            axes.plot(x, y, "o", color=INK, markersize=3)
    circles = f", {graph.circles} circle{'s' * (graph.circles != 1)}" if graph.circles else ""
    axes.set_title(
        f"{package}: {graph.modules} modules\n{len(graph.nodes)} nodes, {len(graph.edges)} imports, "
        f"{max(levels) + 1} levels{circles}",
        fontsize=8.5,
        color=INK,
    )
    axes.set(xlim=(0, 1), ylim=(-0.6, max(levels) + 0.6))
    axes.axis("off")


def picture(sources: dict[str, str], path: Path) -> None:
    figure = Figure(figsize=(13, 13), layout="constrained")
    places = figure.subplot_mosaic([["device_runtime"] * 2, ["federated", "thumbprint"], ["api", "benchmarks"],
                                    ["keyboard_model", "tflite_export"]])  # fmt: skip
    for package, axes in places.items():
        draw(axes, package, graph_of(package, sources))
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    matplotlib.rcParams["svg.hashsalt"] = "packages"  # the same bytes for the same imports
    picture(sources_at(BEFORE), FOLDER / "packages-before.svg")
    picture(sources_here(), FOLDER / "packages-after.svg")
