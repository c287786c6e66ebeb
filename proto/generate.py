"""Generate the Python code of `proto/precheck/v1` in place, or `--check` that what is committed is what would come out."""

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent


def generate(target: Path) -> None:
    """Write the generated modules and stubs of every .proto below `target`. Raises RuntimeError if protoc refuses."""
    sources = sorted(str(path) for path in ROOT.glob("precheck/v1/*.proto"))
    well_known = str(Path(protoc.__file__).parent / "_proto")
    arguments = [
        "protoc",
        f"-I{ROOT}",
        f"-I{well_known}",
        f"--python_out={target}",
        f"--pyi_out={target}",
        f"--grpc_python_out={target}",
        *sources,
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError("protoc refused proto/precheck/v1")


def main() -> int:
    """Return 0 when the committed code is current (after writing it, without `--check`)."""
    if "--check" not in sys.argv[1:]:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        stale = [
            str(fresh.relative_to(scratch))
            for fresh in sorted(Path(scratch).rglob("*_pb2*"))
            if not (ROOT / fresh.relative_to(scratch)).is_file()
            or (ROOT / fresh.relative_to(scratch)).read_bytes() != fresh.read_bytes()
        ]
    for name in stale:
        print(f"proto/{name}: not what its .proto says; run `make proto` and commit", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
