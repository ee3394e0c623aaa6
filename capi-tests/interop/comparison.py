"""What came of a scenario with ours, held against what came of it with the reference."""

import difflib
import re

# So many scenarios are played once more. Where more differ it is no matter of chance.
MOST_AGAIN = 12

# The first line of what came of a program that was ended by a signal, or of a server that ended while it was needed.
CRASHED = re.compile(r"exit -|running .*False|running .*exit .*-\d")


class Comparisons:
    """Holds scenarios against each other, and at the end plays those once more that differ, in peace: now and then the same
    program on the same library prints something else on a busy machine, a message that is sent again for example. A case
    that differs twice has failed; one that differed once is named in the end. A crash is no matter of chance."""

    def __init__(self, report):
        self._report, self._doubtful = report, []

    def hold(self, label, expected, found, judge, again):
        """`expected` and `found` are {case: text}. `judge(case, expected, found)` says what is wrong with one, if anything
        is; `again()` plays both once more, and gives them."""
        wrong = {}
        for case, text in expected.items():
            if problem := judge(case, text, found.get(case)):
                crashed = CRASHED.match(found.get(case) or "") and not CRASHED.match(text)
                if crashed:
                    self._report.fail(f"{label}: {case}", problem)
                else:
                    wrong[case] = problem
            else:
                self._report.ok(f"{label}: {case}")
        if wrong:
            self._doubtful.append((label, wrong, judge, again))

    def settle(self):
        """Plays once more what differed."""
        for label, wrong, judge, again in self._doubtful:
            expected, found = again() if len(self._doubtful) <= MOST_AGAIN else (None, None)
            for case, problem in wrong.items():
                if expected is None:
                    self._report.fail(f"{label}: {case}", problem)
                elif twice := judge(case, expected.get(case), found.get(case)):
                    self._report.fail(f"{label}: {case}", twice)
                else:
                    self._report.ok_again(f"{label}: {case}", problem)
        self._doubtful.clear()


def difference(expected, found):
    """Nothing, or the lines in which they differ."""
    if expected is None or found is None:
        return "it did not get so far"
    if found.startswith("exit None"):
        return "it did not end"
    if expected == found:
        return None
    lines = difflib.unified_diff(expected.splitlines(), found.splitlines(), "expected", "found", n=1, lineterm="")
    return "\n".join(lines)
