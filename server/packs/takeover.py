"""Data directories of earlier versions: `packs/ID-REVISION-DIGEST.pack`, one file for each pack that was ever active."""

import contextlib

import structlog

from ruleset.pack.file import PackFile, PackFileError
from server.packs.directory import PACK_FILE, PackDirectory
from server.packs.preparation import facts_of

log = structlog.get_logger("precheck.packs")


def take_over(directory: PackDirectory) -> None:
    """Move the files of the earlier layout to where revisions are now; one that is damaged is left where it is.

    They had passed their tests when they were written. Which of them were live, that layout did not say: the setting
    `pack` did, and does.
    """
    for old in sorted(directory.root.glob("*.pack")):
        try:
            file = PackFile(old)
            file.verify()
            with directory.preparing() as folder:
                facts = facts_of(str(old), file)
                old.rename(folder / PACK_FILE)
                directory.install(folder, facts, ())
            log.info("taken over from the earlier layout", file=str(old), revision=facts.revision.name)
        except (PackFileError, OSError) as error:
            log.warning("not taken over from the earlier layout", file=str(old), error=str(error))
    for unfinished in directory.root.glob("unnamed-*.pack*"):
        with contextlib.suppress(OSError):
            unfinished.unlink()
