"""Comparing: what sets runs apart, and what came of it."""

from neurokit.comparing.comparison import MEAN, Comparison, ScoreRow, compare
from neurokit.comparing.differences import Difference, Missing, differences, in_words
from neurokit.comparing.runs import ComparedRun, find_runs
from neurokit.comparing.sections import Line, Section, conclusion, sections

__all__ = [
    "MEAN",
    "ComparedRun",
    "Comparison",
    "Difference",
    "Line",
    "Missing",
    "ScoreRow",
    "Section",
    "compare",
    "conclusion",
    "differences",
    "find_runs",
    "in_words",
    "sections",
]
