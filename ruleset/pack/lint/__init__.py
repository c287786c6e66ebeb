"""What is wrong with a pack although it compiles: rules that never fire, or fire on the wrong people.

`check_pack` refuses what the engine cannot evaluate, and everything that is built or activated goes through it. These
checks are about what an author meant, need the whole pack at once, and stand beside it: `precheck pack lint` and the
tests of our own packs run both. Each check is a function from the work (`Work`) to diagnostics; none decides
what is fatal.
"""

from ruleset.pack.lint.checks import CHECKS, lint
from ruleset.pack.lint.work import Known

__all__ = ["CHECKS", "Known", "lint"]
