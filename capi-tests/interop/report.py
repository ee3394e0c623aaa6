"""One line per case, and the sum at the end."""

import threading


class Report:
    """Collects verdicts from any thread and prints each as it falls."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self._failures, self._again = [], []
        self._lock = threading.Lock()

    def _line(self, word, name, detail):
        print(f"{word:<5} {name}", flush=True)
        for line in (detail or "").splitlines():
            # A payload may hold anything; a log that stays text can be searched.
            print("        " + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line), flush=True)

    def ok(self, name):
        with self._lock:
            self.passed += 1
            self._line("ok", name, None)

    def fail(self, name, detail):
        with self._lock:
            self.failed += 1
            self._failures.append((name, detail))
            self._line("FAIL", name, detail)

    def ok_again(self, name, problem):
        """It passed, but not the first time."""
        with self._lock:
            self.passed += 1
            self._again.append(name)
            self._line("again", name, problem)

    def skip(self, name, why):
        with self._lock:
            self.skipped += 1
            self._line("skip", name, why)

    def check(self, name, problem):
        """`problem` says what is wrong; None or an empty string is a pass."""
        self.fail(name, problem) if problem else self.ok(name)

    def total(self):
        """What failed stands once more before the sum, since thousands of lines may lie between them."""
        for name in self._again:
            self._line("again", name, None)
        if self._failures:
            print("what failed:")
            for name, detail in self._failures:
                self._line("FAIL", name, "\n".join((detail or "").splitlines()[:15]))
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return self.failed
